"""Our sentence for each of pydantic's errors: what was expected at a key path, what was found, what was meant."""

from __future__ import annotations

from typing import Any

from pydantic_core import ErrorDetails

from steelyard.config.fields import expected, homes, inside_secret, slot_at, slot_of
from steelyard.config.finding import Finding, kind, one_of, show
from steelyard.config.locate import Path, format_path
from steelyard.config.meant import meant_value, meant_word
from steelyard.config.model import PLANNED_MODES
from steelyard.config.words import WrongValue, did_you_mean

_PLANNED_WORDS = ("status", "zone", "records", "interface", "url")
"""Keys that only ``PLANNED_MODES`` will have."""


def path_of(error: ErrorDetails) -> Path:
    """The key path that an error is about."""
    return tuple(part for part in error["loc"] if part != "[key]")


def finding(error: ErrorDetails, values: dict[str, Any]) -> Finding | None:
    """What to report; None where another finding explains the error. ``values`` is the whole file."""
    path = path_of(error)
    slot = slot_at(path)
    if error["type"] == "extra_forbidden":
        return _unknown_key(path, values)
    if error["type"] == "missing" and slot is not None:
        return Finding(path, f"expected {expected(slot)}, found nothing", _example(path, values), spot="key")
    if path[:1] == ("services",) and path[-1] == "mode" and error["input"] in PLANNED_MODES:
        return _planned_mode(path, str(error["input"]))
    found = kind(error["input"]) if inside_secret(path) else show(error["input"])
    raised = error.get("ctx", {}).get("error")
    if isinstance(raised, WrongValue):
        message = f"expected {raised.expected}, found {found}"
        return Finding(path, message, raised.cure, spot="key" if "[key]" in error["loc"] else "value")
    assert slot is not None, error
    if slot.word is not None and slot.word.write is not None:
        found = slot.word.write(error["input"])  # it is in seconds by now
    return Finding(path, f"expected {expected(slot)}, found {found}", meant_value(slot, path, error["input"]))


def misspelt(path: Path, values: dict[str, Any]) -> Path | None:
    """The key that an unknown one probably stands for."""
    near = meant_word(path[-1], _keys_left(path, values))
    return None if near is None else (*path[:-1], near)


def _keys_left(path: Path, values: dict[str, Any]) -> list[str]:
    """The keys that are valid beside an unknown one: those not given yet, and those that hold parts by name."""
    slot, table = slot_at(path[:-1]), value_at(values, path[:-1])
    assert slot is not None
    assert slot.model is not None
    return [
        key
        for key, field in slot.model.model_fields.items()
        if not isinstance(table, dict) or key not in table or slot_of(field).is_named_parts
    ]


def _unknown_key(path: Path, values: dict[str, Any]) -> Finding | None:
    *parents, last = path
    word = str(last)
    table = value_at(values, tuple(parents))
    if word in _PLANNED_WORDS and isinstance(table, dict) and table.get("mode") in PLANNED_MODES:
        return None  # the mode is reported, and it explains this key
    keys = _keys_left(path, values)
    near = meant_word(word, keys)
    place = format_path(tuple(parents)) if parents else "the file"
    message = f"unknown key: expected {one_of(keys)}, found {word}" if keys else f"unknown key {word}: {place} is full"
    cure = did_you_mean(near)
    if near is None and (elsewhere := [home for home in homes(word) if home]):
        cure = f"{word} stands in {one_of(elsewhere[:3])}"
    elif near is None and word in _PLANNED_WORDS and ("services" in parents[:1] or "servers" in parents):
        cure = f"{word} belongs to modes that are planned and not built yet: {one_of(PLANNED_MODES)}"
    return Finding(path, message, cure, spot="key")


def _planned_mode(path: Path, word: str) -> Finding:
    slot = slot_at(path)
    assert slot is not None
    return Finding(path, f"expected {expected(slot)}, found {show(word)}", f"{word} is planned and not built yet")


def _example(path: Path, values: dict[str, Any]) -> str:
    """A line that would fill the gap."""
    examples = {"mode": "proxy", "listen": "0.0.0.0:80", "address": "10.0.0.1:80", "by": "cookie", "pool": "NAME"}
    word = str(path[-1])
    pools = values.get("pools")
    example = next(iter(pools)) if word == "pool" and isinstance(pools, dict) and pools else examples.get(word)
    return f"add {word} = {show(example)}" if example is not None else ""


def value_at(values: Any, path: Path) -> Any:
    """What stands at a path that is known to be there."""
    for part in path:
        values = values[part]
    return values
