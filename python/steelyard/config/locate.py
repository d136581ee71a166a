"""Where each key of a TOML document stands: key path to line and column. ``tomllib`` tells the values, but no places.

A scanner, not a parser: it assumes text that ``tomllib`` has accepted (or the part of it before a fault) and only walks
over values. The grammar is that of TOML 1.0; newlines inside inline tables, which 1.1 allows, do no harm.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

Path = tuple[str | int, ...]

_WHITE = re.compile(r"(?:[ \t\n\r]+|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_KEY_PART = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_VALUE = re.compile(
    r'"""(?:\\[\s\S]|(?!""")[^\\])*"""(?:""?)?'  # up to two quotes more belong to the text
    r"|'''(?:(?!''')[\s\S])*'''(?:''?)?"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|[^,\[\]{}#\n\"']+"
)


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of one line; ``line`` and ``column`` count from 1."""

    line: int
    column: int
    length: int


@dataclass(slots=True)
class Places:
    """The places of a document's keys and values."""

    _breaks: list[int]
    _keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    _values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    twice: list[tuple[Path, int, int]] = field(default_factory=list)
    """Keys that were given again: path, where the second begins and ends."""

    def key(self, path: Path) -> Span | None:
        """Where the key stands; for an element of an array, the element; for a missing key, its nearest parent."""
        while path not in self._keys and path:
            path = path[:-1]
        return self._span(self._keys.get(path))

    def value(self, path: Path) -> Span | None:
        """Where the value stands; for a table with a header of its own, the header's key."""
        return self._span(self._values[path]) if path in self._values else self.key(path)

    def last_key(self, start: int) -> Path:
        """The last key of the text, if it begins at the offset ``start`` or behind it."""
        path = max(self._keys, key=lambda each: self._keys[each][0], default=())
        while path and isinstance(path[-1], int):
            path = path[:-1]
        return path if path in self._keys and self._keys[path][0] >= start else ()

    def __iter__(self) -> Iterator[Path]:
        return iter(self._keys)

    def _span(self, piece: tuple[int, int] | None) -> Span | None:
        if piece is None:
            return None
        start, end = piece
        line = bisect_right(self._breaks, start)
        stop = self._breaks[line] - 1 if line < len(self._breaks) else end
        return Span(line, start - self._breaks[line - 1] + 1, max(1, min(end, stop) - start))


def locate(text: str) -> Places:
    """The places of every key in ``text``, as far as it is valid."""
    places = Places([0, *(found.end() for found in re.finditer("\n", text))])
    _Scanner(text, places).document()
    return places


class _Scanner:
    def __init__(self, text: str, places: Places) -> None:
        self.text = text
        self.at = 0
        self.keys = places._keys
        self.values = places._values
        self.twice = places.twice
        self.last_index: dict[Path, int] = {}
        """Arrays of tables: the index of the element that headers speak of now."""
        self.headers: set[Path] = set()

    def document(self) -> None:
        table: Path = ()
        while self._skip(_WHITE) < len(self.text):
            before = self.at
            if self.text.startswith("[[", self.at):
                table = self._array_header()
            elif self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            if self.at == before:
                return  # not valid from here on

    def _header(self) -> Path:
        self.at += 1
        parts = self._key()
        path = self._prefixes((), parts, through_arrays=True)
        self._skip(_BLANK)
        self.at += 1
        if parts:
            start, end = parts[-1][1:]
            if path in self.headers:
                self.twice.append((path, start, end))
            else:
                self.keys[path] = (start, end)
                self.headers.add(path)
        return path

    def _array_header(self) -> Path:
        self.at += 2
        parts = self._key()
        path = self._prefixes((), parts[:-1], through_arrays=True)
        self._skip(_BLANK)
        self.at += 2
        if not parts:
            return path
        name, start, end = parts[-1]
        path = (*path, name)
        self.keys.setdefault(path, (start, end))
        self.last_index[path] = self.last_index.get(path, -1) + 1
        path = (*path, self.last_index[path])
        self.keys[path] = (start, end)
        return path

    def _pair(self, table: Path) -> None:
        parts = self._key()
        self._skip(_BLANK)
        if not parts or not self.text.startswith("=", self.at):
            return
        path = self._prefixes(table, parts[:-1])
        name, start, end = parts[-1]
        path = (*path, name)
        self.at += 1
        self._skip(_BLANK)
        if path in self.values:
            self.twice.append((path, start, end))
            self._value((*path, "twice"))
        else:
            self.keys[path] = (start, end)
            self._value(path)

    def _value(self, path: Path) -> None:
        start = self.at
        if self.text.startswith("[", start):
            self._array(path)
        elif self.text.startswith("{", start):
            self._inline_table(path)
        elif (found := _VALUE.match(self.text, start)) is not None:
            self.at = start + len(found[0].rstrip())
        self.values[path] = (start, self.at)

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self._skip(_WHITE) < len(self.text) and self.text[self.at] != "]":
            start = self.at
            self._value((*path, index))
            self.keys[(*path, index)] = (start, self.at)
            if not self._comma("]") or self.at == start:
                break
            index += 1
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while self._skip(_WHITE) < len(self.text) and self.text[self.at] != "}":
            start = self.at
            self._pair(path)
            if not self._comma("}") or self.at == start:
                break
        self.at += 1

    def _comma(self, end: str) -> bool:
        """Step over a comma; false where the value ends or goes wrong."""
        if self._skip(_WHITE) < len(self.text) and self.text[self.at] == ",":
            self.at += 1
            return True
        return self.text.startswith(end, self.at)

    def _key(self) -> list[tuple[str, int, int]]:
        """A dotted key: each part with its place."""
        parts: list[tuple[str, int, int]] = []
        while True:
            start = self._skip(_BLANK)
            found = _KEY_PART.match(self.text, start)
            if found is None:
                return parts
            self.at = found.end()
            parts.append((_plain(found[0]), start, self.at))
            self._skip(_BLANK)
            if not self.text.startswith(".", self.at):
                return parts
            self.at += 1

    def _prefixes(self, table: Path, parts: list[tuple[str, int, int]], *, through_arrays: bool = False) -> Path:
        """The path of the parts below ``table``; each table they imply gets a place if it has none yet."""
        path = table
        for name, start, end in parts:
            path = (*path, name)
            self.keys.setdefault(path, (start, end))
            if through_arrays and path in self.last_index:
                path = (*path, self.last_index[path])
        return path

    def _skip(self, what: re.Pattern[str]) -> int:
        found = what.match(self.text, self.at)
        assert found is not None  # both patterns match the empty text
        self.at = found.end()
        return self.at


def _plain(part: str) -> str:
    """A key part without its quotes."""
    if part[0] == "'":
        return part[1:-1]
    if part[0] != '"':
        return part
    try:
        return str(next(iter(tomllib.loads(f"{part} = 0"))))
    except tomllib.TOMLDecodeError:
        return part[1:-1]


def format_path(path: Path) -> str:
    """The path as people write it: ``pools.web.servers[1].weight``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else '"' + part.replace('"', '\\"') + '"'
            text += f".{bare}" if text else bare
    return text
