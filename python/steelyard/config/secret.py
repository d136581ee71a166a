"""Secrets: named in the configuration, never written into it. What is read here appears in no message and no log."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from steelyard.config.words import WrongValue

EXPECTED = '{ env = "NAME" } or { file = "/path" }'
CURE = "a secret is not written here: keep it in the environment or in a file"


class Secret(BaseModel):
    """A secret, from the environment or a file, never written into the configuration itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    env: str = ""
    """The environment variable that holds it."""
    file: str = ""
    """The file that holds it; a final line end is not part of it."""

    @model_validator(mode="before")
    @classmethod
    def _one_source(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise WrongValue(EXPECTED, CURE)
        if isinstance(value, dict) and "env" in value and "file" in value and bool(value["env"]) == bool(value["file"]):
            raise WrongValue('exactly one of { env = "NAME" } and { file = "/path" }')
        if isinstance(value, dict) and not (value.get("env") or value.get("file")) and value.keys() <= {"env", "file"}:
            raise WrongValue(EXPECTED)
        return value

    @property
    def source(self) -> str:
        """Where it is kept, for messages."""
        return f"environment variable {self.env}" if self.env else f"file {self.file}"

    def reveal(self) -> bytes:
        """The secret's bytes, without a final newline. Raises ``LookupError`` or ``OSError`` when it is not there."""
        if self.env:
            return os.environb[self.env.encode()]
        return Path(self.file).read_bytes().rstrip(b"\r\n")
