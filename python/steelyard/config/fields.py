"""What the models say of a key path: which keys are valid there, which values, and how to say so in words.

The loader's sentences, the JSON schema and the reference page all take their words from here.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Union

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from steelyard.config.finding import one_of, show
from steelyard.config.locate import Path
from steelyard.config.model import Config
from steelyard.config.secret import EXPECTED as SECRET_EXPECTED
from steelyard.config.secret import Secret
from steelyard.config.words import Word


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a value: its type without ``None``, and what hangs on the annotation."""

    type: Any
    metadata: tuple[object, ...] = ()

    @property
    def word(self) -> Word | None:
        return next((each for each in self.metadata if isinstance(each, Word)), None)

    @property
    def model(self) -> type[BaseModel] | None:
        """The part of the configuration that stands here, if it is one."""
        return self.type if isinstance(self.type, type) and issubclass(self.type, BaseModel) else None

    @property
    def choices(self) -> tuple[str, ...]:
        """The words of a ``Literal``."""
        return typing.get_args(self.type) if typing.get_origin(self.type) is Literal else ()

    @property
    def is_named_parts(self) -> bool:
        """Whether it is a table of parts that have names, such as ``pools``."""
        return typing.get_origin(self.type) is dict

    @property
    def items(self) -> Slot | None:
        """What an array or a table of named parts holds."""
        origin, args = typing.get_origin(self.type), typing.get_args(self.type)
        return _slot(args[0]) if origin is tuple else _slot(args[1]) if origin is dict else None


def slot_of(field: FieldInfo) -> Slot:
    slot = _slot(field.annotation)
    return Slot(slot.type, (*slot.metadata, *field.metadata))


def slot_at(path: Path) -> Slot | None:
    """The place that a key path leads to; None where there is none."""
    slot: Slot | None = Slot(Config)
    for part in path:
        if slot is None:
            return None
        if slot.model is not None:
            field = slot.model.model_fields.get(str(part))
            slot = None if field is None else slot_of(field)
        else:
            slot = slot.items
    return slot


def inside_secret(path: Path) -> bool:
    """Whether the path leads to a secret or into one: then its value is never shown."""
    return any(slot is not None and slot.model is Secret for slot in map(slot_at, _prefixes(path)))


def expected(slot: Slot) -> str:
    """For a sentence that begins with "expected"."""
    if slot.model is Secret:
        return SECRET_EXPECTED
    if slot.word is not None:
        above = next((each for each in slot.metadata if isinstance(each, Gt)), None)
        if above is None:
            return slot.word.expected
        least = slot.word.write(above.gt) if slot.word.write is not None else show(above.gt)
        return f"a {slot.word.name} above {least}"
    if slot.choices:
        return one_of([show(choice) for choice in slot.choices])
    return _NOUNS.get(slot.type, _structure(slot)) + _range(slot)


def short(slot: Slot) -> str:
    """For a table: ``duration``, ``integer from 1 to 1000``."""
    if slot.word is not None and slot.model is None:
        return slot.word.name
    if slot.items is not None:
        return "tables by name" if slot.is_named_parts else f"array of {short(slot.items)}s"
    if slot.model is Secret:
        return "secret"
    if slot.model is not None or slot.choices:
        return "table" if slot.model is not None else one_of([f"`{show(choice)}`" for choice in slot.choices])
    return _NOUNS[slot.type].removeprefix("an ").removeprefix("a ") + _range(slot)


def homes(word: str) -> Iterator[str]:
    """Where in the configuration a key may stand, as paths such as ``pools.NAME.probe``."""
    yield from _homes(word, Slot(Config), "")


def all_words() -> frozenset[str]:
    """Every key that the configuration knows, wherever it stands."""
    return frozenset(_words(Slot(Config)))


def _words(slot: Slot) -> Iterator[str]:
    if slot.model is None:
        yield from () if slot.items is None else _words(slot.items)
        return
    for name, field in slot.model.model_fields.items():
        yield name
        yield from _words(slot_of(field))


def _homes(word: str, slot: Slot, path: str) -> Iterator[str]:
    if slot.model is None:
        if slot.items is not None:
            yield from _homes(word, slot.items, path + ("[]" if typing.get_origin(slot.type) is tuple else ".NAME"))
        return
    if word in slot.model.model_fields:
        yield path
    for name, field in slot.model.model_fields.items():
        yield from _homes(word, slot_of(field), f"{path}.{name}" if path else name)


def _prefixes(path: Path) -> Iterator[Path]:
    return (path[:length] for length in range(1, len(path) + 1))


def _slot(annotation: Any) -> Slot:
    if typing.get_origin(annotation) is typing.Annotated:
        inner, *metadata = typing.get_args(annotation)
        slot = _slot(inner)
        return Slot(slot.type, (*slot.metadata, *metadata))
    if typing.get_origin(annotation) in (Union, types.UnionType):
        return _slot(next(each for each in typing.get_args(annotation) if each is not type(None)))
    return Slot(annotation)


_NOUNS: dict[Any, str] = {int: "an integer", float: "a number", bool: "true or false", str: "a text"}


def _structure(slot: Slot) -> str:
    if slot.items is None:
        return "a table"
    if typing.get_origin(slot.type) is dict:
        return "a table of named tables"
    return "an array of " + ("tables" if slot.items.word is None else f"{slot.items.word.name}s")


def _range(slot: Slot) -> str:
    low = next((each.ge for each in slot.metadata if isinstance(each, Ge)), None)
    above = next((each.gt for each in slot.metadata if isinstance(each, Gt)), None)
    high = next((each.le for each in slot.metadata if isinstance(each, Le)), None)
    if above is not None:
        return f" above {above}" + (f" and at most {high}" if high is not None else "")
    if low is not None:
        return f" from {low} to {high}" if high is not None else f" from {low} upwards"
    return ""
