"""The JSON schema (draft 2020-12) of the file, for editors and other programs: ``steelyard schema``.

Pydantic writes it from the models; here it is made to say what a TOML file has: durations with units, no nulls, no
defaults that are whole tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from steelyard.config.fields import Slot, slot_of
from steelyard.config.model import Config
from steelyard.config.secret import Secret

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema as a value for ``json.dumps``."""
    schema = Config.model_json_schema()
    parts = schema["$defs"]
    for model in models(Config):
        part = schema if model is Config else parts[model.__name__]
        part["description"] = plain(part["description"])
        for name, field in model.model_fields.items():
            _tidy(part["properties"][name], slot_of(field))
    parts[Secret.__name__] |= {"minProperties": 1, "maxProperties": 1}
    return {"$schema": DRAFT, **schema, "title": "Steelyard configuration"}


def models(root: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The parts of the configuration, each before those inside it."""
    yield from dict.fromkeys(_models(root))


def default(slot: Slot, value: object) -> object:
    """A default as a file would give it: ``"2s"``, not 2.0; None where it is a table or nothing at all."""
    if value is None or isinstance(value, BaseModel | dict):
        return None
    written = slot.word.write if slot.word is not None else None
    if written is not None:
        return json.loads(written(value))
    return list(value) if isinstance(value, tuple) else value


def plain(text: str) -> str:
    """A docstring as one paragraph of Markdown."""
    return " ".join(text.split()).replace("``", "`")


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        slot = slot_of(field)
        inner = slot.model or (slot.items.model if slot.items is not None else None)
        if inner is not None:
            yield from _models(inner)


def _tidy(word: dict[str, Any], slot: Slot) -> None:
    word.pop("title", None)
    if "description" in word:
        word["description"] = plain(word["description"])
    if (given := default(slot, word.pop("default", None))) not in (None, "", []):
        word["default"] = given
    if "anyOf" in word:
        kept = [each for each in word["anyOf"] if each != {"type": "null"}]
        if len(kept) == 1:
            word |= kept[0]
            del word["anyOf"]
    if "patternProperties" in word:
        word["additionalProperties"] = False
