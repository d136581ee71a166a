"""Documents are generated together with the lines on which their keys stand, and ``locate`` must find the same."""

import json
import tomllib
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from steelyard.config.locate import Path, Span, format_path, locate

bare = st.text("abcdefgh-_0123456789", min_size=1, max_size=4)
names = st.one_of(bare, st.text('ab.=["#]{} é', min_size=0, max_size=4))
texts = st.text("ab,=[]{}#\"'\\ \té", max_size=6)
scalars = st.one_of(st.integers(-9, 9), st.booleans(), texts, st.sampled_from([1.5, -2e9]))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=6,
)
tables = st.dictionaries(names, values, max_size=4)


class Writer:
    """Writes a document in one of the many layouts TOML allows and notes the line of each key."""

    def __init__(self, draw: Any) -> None:
        self.draw, self.text, self.lines = draw, "", {}

    def put(self, text: str) -> None:
        self.text += text

    def mark(self, path: Path) -> None:
        self.lines.setdefault(path, self.text.count("\n") + 1)

    def chance(self) -> bool:
        return self.draw(st.booleans())

    def gap(self, newlines: bool) -> None:
        blank = ["", " ", "\t "]
        self.put(self.draw(st.sampled_from([*blank, "\n", ' # x = [ { "\n'] if newlines else blank)))

    def key(self, name: str) -> None:
        plain = name and all(char in "abcdefgh-_0123456789" for char in name)
        self.put(name if plain and self.chance() else json.dumps(name, ensure_ascii=False))

    def scalar(self, value: object) -> None:
        if not isinstance(value, str):
            self.put(json.dumps(value))
        elif self.chance() and "'" not in value:
            self.put(self.draw(st.sampled_from([f"'{value}'", f"'''{value}'''", f"'''\n{value}'''"])))
        elif self.chance():
            self.put('"""\n' + value.replace("\\", "\\\\").replace('"""', '""\\"') + '\\\n  """')
        else:
            self.put(json.dumps(value, ensure_ascii=False))

    def value(self, path: Path, value: object) -> None:
        if isinstance(value, list):
            self.put("[")
            for index, each in enumerate(value):
                self.gap(newlines=True)
                self.mark((*path, index))
                self.value((*path, index), each)
                self.gap(newlines=True)
                self.put("," if index < len(value) - 1 or self.chance() else "")
            self.gap(newlines=True)
            self.put("]")
        elif isinstance(value, dict):
            self.put("{")
            for index, (name, each) in enumerate(value.items()):
                self.put("," if index else "")
                self.gap(newlines=False)
                self.pair(path, name, each)
                self.gap(newlines=False)
            self.put("}")
        else:
            self.scalar(value)

    def pair(self, path: Path, name: str, value: object) -> None:
        """``name = value``, or a dotted key where the value is a table of one."""
        self.mark((*path, name))
        self.key(name)
        if isinstance(value, dict) and len(value) == 1 and self.chance():
            self.put(self.draw(st.sampled_from([".", " . "])))
            [(inner, each)] = value.items()
            self.pair((*path, name), inner, each)
        else:
            self.gap(newlines=False)
            self.put("=")
            self.gap(newlines=False)
            self.value((*path, name), value)

    def table(self, path: Path, shown: tuple[str, ...], table: dict[str, Any]) -> None:
        """A table's own pairs first, then those of its tables that get a header of their own."""
        later = []
        for name, value in table.items():
            if (isinstance(value, dict) or _is_tables(value)) and self.chance():
                later.append((name, value))
            else:
                self.gap(newlines=True)
                self.pair(path, name, value)
                self.put("\n")
        for name, value in later:
            for index, each in enumerate(value) if isinstance(value, list) else [(None, value)]:
                self.gap(newlines=True)
                self.header(path, shown, name, index)
                below = (*path, name) if index is None else (*path, name, index)
                self.table(below, (*shown, name), each)

    def header(self, path: Path, shown: tuple[str, ...], name: str, index: int | None) -> None:
        self.put("[" if index is None else "[[")
        self.gap(newlines=False)
        for part in shown:
            self.key(part)
            self.put(".")
        self.mark((*path, name))
        if index is not None:
            self.mark((*path, name, index))
        self.key(name)
        self.gap(newlines=False)
        self.put("]\n" if index is None else "]]\n")


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def paths(value: object, path: Path = ()) -> Iterator[Path]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in pairs:
        yield (*path, name)
        yield from paths(each, (*path, name))


@given(tables, st.data())
def test_every_key_is_found_on_its_line(document: dict[str, Any], data: st.DataObject) -> None:
    writer = Writer(data.draw)
    writer.table((), (), document)
    assert tomllib.loads(writer.text) == document
    places = locate(writer.text)
    assert set(places) == set(paths(document))
    for path, line in writer.lines.items():
        span = places.key(path)
        assert span is not None
        assert (format_path(path), span.line) == (format_path(path), line)
    assert places.twice == []


@given(tables, st.data())
def test_a_span_is_the_text_of_the_key(document: dict[str, Any], data: st.DataObject) -> None:
    writer = Writer(data.draw)
    writer.table((), (), document)
    places = locate(writer.text)
    lines = writer.text.split("\n")
    for path in paths(document):
        key, value = places.key(path), places.value(path)
        assert key is not None
        assert value is not None
        shown = lines[key.line - 1][key.column - 1 :][: key.length]
        if isinstance(path[-1], str):
            assert tomllib.loads(f"{shown} = 0") == {path[-1]: 0}
        assert value.length >= 1


@given(st.text("ab=.[]{}\"'#, \n\\1"))
def test_no_text_is_too_broken(text: str) -> None:
    locate(text)


TEXT = """\
[pools.web]
servers = [
  { id = "a", probe.type = "tcp" },
]
text = \"\"\"
id = 1\"\"\"
[[pools.more.servers]]
id = "x"
[[pools.more.servers]]
id = "y"
id = "z"
[pools.web]
"""


def test_places_of_keys_and_values() -> None:
    places = locate(TEXT)
    assert places.key(("pools", "web", "servers", 0, "id")) == Span(3, 5, 2)
    assert places.value(("pools", "web", "servers", 0, "id")) == Span(3, 10, 3)
    assert places.value(("pools", "web", "servers", 0, "probe", "type")) == Span(3, 28, 5)
    assert places.key(("pools", "more", "servers", 1, "id")) == Span(10, 1, 2)


def test_what_is_not_there_is_placed_at_its_nearest_parent() -> None:
    places = locate(TEXT)
    assert places.key(("pools", "web", "servers", 0, "address")) == Span(3, 3, 32)
    assert places.value(("pools", "web", "probe", "interval")) == Span(1, 8, 3)
    assert places.key(("admin",)) is None


def test_what_is_given_twice() -> None:
    found = [(format_path(path), TEXT[start:end]) for path, start, end in locate(TEXT).twice]
    assert found == [("pools.more.servers[1].id", "id"), ("pools.web", "web")]


def test_a_path_as_people_write_it() -> None:
    assert format_path(("pools", "web", "servers", 1, "weight")) == "pools.web.servers[1].weight"
    assert format_path(("pools", "a.b", "x y")) == 'pools."a.b"."x y"'
