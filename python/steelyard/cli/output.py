"""How commands speak: results on stdout, what went wrong on stderr, JSON for machines."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from steelyard.errors import ConfigError, SteelyardError

if TYPE_CHECKING:
    from pydantic import BaseModel


def say(text: str) -> None:
    print(text, flush=True)


def complain(text: str) -> None:
    print(f"steelyard: {text}", file=sys.stderr, flush=True)


def print_json(value: BaseModel | Any) -> None:
    """One value, indented for a reader on a terminal and on one line for a program."""
    plain = value if isinstance(value, dict | list | str) else value.model_dump(mode="json")
    print(json.dumps(plain, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None), flush=True)


def problem(error: SteelyardError) -> dict[str, Any]:
    """A failure in the words of RFC 9457; ``problems`` as ``check --json`` has them, ``status`` where HTTP gave one."""
    if isinstance(error, ConfigError):
        from steelyard.config.render import as_json

        return {"title": "Configuration not usable", "detail": str(error), "problems": as_json(error.problems)}
    status = getattr(error, "status", None)
    plain = {"title": getattr(error, "title", "Failed"), "detail": str(error)}
    return plain if status is None else {**plain, "status": status}


def colors(stream: TextIO) -> bool:
    """Whether to colour: on a terminal, unless NO_COLOR (no-color.org) says no."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
