"""One thing found wrong, before it is known where it stands in a file: what ``faults`` and ``check`` return.

``load`` gives each a place and makes it a ``Problem``.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from steelyard.config.locate import Path
from steelyard.errors import Severity

SHOWN_MAX = 60


@dataclass(frozen=True, slots=True)
class Finding:
    path: Path
    message: str
    cure: str = ""
    severity: Severity = "error"
    spot: Literal["key", "value"] = "value"
    """Which of the two a mark in the file points at."""
    reads: tuple[Path, ...] = ()
    """What else was looked at. When one of these is wrong by itself, the finding is not worth reporting."""


class Doubt:
    """Paths that were wrong by themselves. Nothing is concluded from one, from what is in it or from what holds it."""

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._paths = frozenset(paths)
        self._above = {path[:length] for path in self._paths for length in range(len(path) + 1)}

    def touches(self, finding: Finding) -> bool:
        return self._holds(finding.path) or any(path in self._above or self._holds(path) for path in finding.reads)

    def _holds(self, path: Path) -> bool:
        return any(path[:length] in self._paths for length in range(1, len(path) + 1))


def show(value: object) -> str:
    """A value as a file would have it, short enough for a sentence."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        shown = value if len(value) <= SHOWN_MAX else value[: SHOWN_MAX - 1] + "…"
        return json.dumps(shown, ensure_ascii=False)
    if isinstance(value, int | float):
        return str(value)
    return kind(value)


def kind(value: object) -> str:
    """What sort of value it is, without saying which: for secrets, tables and arrays."""
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "true or false"),
        (str, "a text"),
        (int, "an integer"),
        (float, "a number"),
        (dict, "a table"),
        ((list, tuple), "an array"),
        ((datetime.date, datetime.time), "a date or time"),
    )
    return next((name for type_, name in kinds if isinstance(value, type_)), "nothing" if value is None else "a value")


def one_of(words: Iterable[str]) -> str:
    """``a, b or c``."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last
