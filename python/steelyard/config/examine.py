"""From values to a ``Config``, or to everything that is wrong with them.

It goes on behind a fault: a wrong value is replaced by its default (a required one by a stand-in), so that ``check``
can judge combinations too. What was replaced is in doubt, and nothing is concluded from it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from steelyard.config.faults import finding, misspelt, path_of, value_at
from steelyard.config.fields import slot_at
from steelyard.config.finding import Doubt, Finding
from steelyard.config.locate import Path
from steelyard.config.model import Config
from steelyard.config.types import FROM_FILE

_STAND_INS = {"mode": "proxy", "listen": "127.0.0.1:0", "pool": "", "address": "127.0.0.1:1", "by": "source"}
"""Something valid for each required key."""

_PARTS: dict[str, dict[str, str]] = {
    "services": {word: _STAND_INS[word] for word in ("mode", "listen", "pool")},
    "pools": {},
    "servers": {"address": _STAND_INS["address"]},
}
"""Something valid for each part that has a name or a number."""


@dataclass(frozen=True, slots=True)
class Examined:
    config: Config
    """With defaults and stand-ins where something was wrong."""
    findings: tuple[Finding, ...]
    doubt: Doubt
    """About everything that was replaced."""


def examine(values: dict[str, Any], doubtful: Iterable[Path] = ()) -> Examined:
    """Everything that is wrong with single values; ``values`` is what ``tomllib`` read."""
    findings: list[Finding] = []
    replaced: set[Path] = set()
    while True:
        try:
            config = Config.model_validate(values, context=FROM_FILE)
        except ValidationError as error:
            details = error.errors(include_url=False)
            earlier = Doubt(replaced)
            unknown = {path: misspelt(path, values) for each in details if (path := _unknown(each)) is not None}
            findings += (
                found
                for each in details
                if not (each["type"] == "missing" and path_of(each) in unknown.values())
                and (found := finding(each, values)) is not None
                and not earlier.touches(replace(found, reads=(found.path,)))
            )
            mended = copy.deepcopy(values)
            before = frozenset(replaced)
            for each in sorted(details, key=_order):
                replaced |= _mend(mended, each, before)
            for path, meant in unknown.items():
                replaced |= _meant_parts(values, path, meant)
            values = mended
        else:
            return Examined(config, tuple(findings), Doubt((*replaced, *doubtful)))


def _unknown(error: ErrorDetails) -> Path | None:
    return path_of(error) if error["type"] == "extra_forbidden" else None


def _meant_parts(values: dict[str, Any], path: Path, meant: Path | None) -> set[Path]:
    """What a misspelt key would have given; of a table of named parts, only the parts in it."""
    slot = None if meant is None else slot_at(meant)
    if meant is None or slot is None:
        return set()
    inside = value_at(values, path)
    return {(*meant, name) for name in inside} if slot.is_named_parts and isinstance(inside, dict) else {meant}


def _order(error: ErrorDetails) -> tuple[int, bool]:
    """What lies deepest is mended first, and a name after what has it: then every path still leads somewhere."""
    return -len(path_of(error)), error["loc"][-1] == "[key]"


def _mend(values: dict[str, Any], error: ErrorDetails, before: Set[Path]) -> set[Path]:
    """Replace what is wrong, or what holds it when that did not help; returns what was replaced."""
    path = path_of(error)
    while path in before and len(path) > 1:
        path = path[:-1]
    name = path[-1]
    try:
        parent = value_at(values, path[:-1])
    except KeyError:
        return set()  # gone with something that held it
    if error["loc"][-1] == "[key]":
        stand_in = f"nameless-{len(before)}-{len(parent)}"
        parent[stand_in] = parent.pop(name)
        return {path, (*path[:-1], stand_in)}
    if name in _STAND_INS and slot_at(path) is not None:
        parent[name] = _STAND_INS[str(name)]
    elif len(path) > 1 and path[-2] in _PARTS:
        parent[name] = dict(_PARTS[str(path[-2])])
    elif isinstance(parent, list):
        parent[int(name)] = "127.0.0.1"
    else:
        parent.pop(name, None)
    return {path}
