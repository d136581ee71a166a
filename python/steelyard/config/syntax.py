"""From text to TOML values, with a sentence for each slip of the pen that people make.

A fault whose cure is plain (quotes forgotten, a comma missing, a key given twice) is cured in memory, so that all that
stands behind it is read and reported too; line numbers stay what they are. The file itself is never touched.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from typing import Any

from steelyard.config.excerpt import names_secret
from steelyard.config.locate import Path, locate
from steelyard.config.slips import SECOND, Verdict, judge, second

REPAIRS_MAX = 50
STOPPED = "what follows is read once this is right"


@dataclass(frozen=True, slots=True)
class Slip:
    """A place where the text is no TOML."""

    line: int
    column: int
    length: int
    message: str
    cure: str = ""
    path: Path = ()
    """The key that it is about, if that is known."""
    read: str = ""
    """Its line as it was read, after the cure of what stands before."""


@dataclass(frozen=True, slots=True)
class Parsed:
    values: dict[str, Any] | None
    """None where the text could not be read to its end."""
    text: str
    """What was read: the text with its slips cured."""
    slips: tuple[Slip, ...]
    doubtful: tuple[Path, ...] = ()
    """Keys that were given twice: nobody knows which value counts."""


def parse(text: str) -> Parsed:
    """All slips of the text, and its values if it can be read to the end."""
    slips: list[Slip] = []
    dropped: list[Path] = []
    doubtful: list[Path] = []
    furthest = -1
    for attempt in range(REPAIRS_MAX):
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            at = _position(str(error), text)
            if at <= furthest:
                break  # the cure did not help
            verdict = judge(str(error), text, at, attempt)
            slip = _slip(text, at if verdict.start is None else verdict.start, verdict)
            if not (slips and slips[-1].path == slip.path != () and slips[-1].message == slip.message):
                slips.append(slip)  # once for each value is enough
            repair = verdict.repair
            if repair is None:
                break
            furthest = at + len(repair.text) - (repair.end - repair.start)
            text = text[: repair.start] + repair.text + text[repair.end :]
            if verdict.path:
                doubtful.append(verdict.path)
                dropped.append((*verdict.path[:-1], second(attempt)))
        except RecursionError:
            return Parsed(None, text, (*slips, Slip(0, 0, 0, "arrays and tables are nested too deeply to be read")))
        else:
            for path in dropped:
                _drop(values, path)
            return Parsed(values, text, tuple(slips), tuple(doubtful))
    slips[-1] = replace(slips[-1], cure="; ".join(part for part in (slips[-1].cure, STOPPED) if part))
    return Parsed(None, text, tuple(slips))


def _slip(text: str, start: int, verdict: Verdict) -> Slip:
    line = text.count("\n", 0, start) + 1
    column = start - (text.rfind("\n", 0, start) + 1) + 1
    path = verdict.path or _key_at(text, start)
    secret = path != () and names_secret(str(path[-1]))
    message = re.sub(r"found [^;]*$", "found something else", verdict.message) if secret else verdict.message
    read = text[start - column + 1 :].partition("\n")[0]
    return Slip(line, column, verdict.length, message, verdict.cure, path, read)


def _key_at(text: str, start: int) -> Path:
    """The last key that begins before ``start`` on its line."""
    line_start = text.rfind("\n", 0, start) + 1
    path = locate(text[: start + 1]).last_key(line_start)
    return () if any(str(part).startswith(SECOND) for part in path) else path


def _position(error: str, text: str) -> int:
    """Where ``tomllib`` stopped; it says so in the words "(at line 3, column 5)" or "(at end of document)"."""
    found = re.search(r"\(at line (\d+), column (\d+)\)$", error)
    if found is None:
        return len(text)
    start = 0
    for _ in range(int(found[1]) - 1):
        start = text.index("\n", start) + 1
    return min(len(text), start + int(found[2]) - 1)


def _drop(values: dict[str, Any], path: Path) -> None:
    *parents, name = path
    table: Any = values
    for part in parents:
        table = table[part]
    table.pop(name, None)
