"""Values and records survive the way to bytes and back, and other bytes are refused, not misread."""

from __future__ import annotations

import contextlib
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.sessions.codec import codec, decode, decode_value, encode, encode_value
from steelyard.sessions.errors import NotSerializable, StoreMisconfigured, Unreadable
from steelyard.sessions.record import Content, Entry

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
CONTENTS = st.builds(
    Content,
    st.floats(0, 2e9),
    st.floats(0, 2e9),
    st.dictionaries(st.text(max_size=9), st.builds(Entry, st.integers(0, 2**62), st.none() | st.binary(max_size=40))),
    TEXT,
)
BOTH = pytest.mark.parametrize("name", ["json", "msgpack"])


@BOTH
@given(value=PLAIN)
def test_values(name: Literal["json", "msgpack"], value: Any) -> None:
    if name == "json":
        value = _without_infinities(value)
    assert decode_value(encode_value(codec(name), "key", value)) == value


def test_msgpack_keeps_bytes_and_json_says_what_it_cannot() -> None:
    assert decode_value(encode_value(codec("msgpack"), "key", b"\xff")) == b"\xff"
    for value in (b"\xff", {1, 2}, object(), float("nan"), "\ud800"):
        with pytest.raises(NotSerializable, match=r"session\['key'\]"):
            encode_value(codec("json"), "key", value)


def test_an_unknown_codec_is_told() -> None:
    with pytest.raises(StoreMisconfigured, match="pickle"):
        codec("pickle")  # type: ignore[arg-type]


@given(CONTENTS)
def test_records(content: Content) -> None:
    assert decode(encode(content)) == content


@given(CONTENTS, st.data())
def test_a_record_cut_short_or_longer_is_unreadable(content: Content, data: st.DataObject) -> None:
    body = encode(content)
    with pytest.raises(Unreadable):
        decode(body[: data.draw(st.integers(0, len(body) - 1))])
    with pytest.raises(Unreadable):
        decode(body + b"x")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_unreadable_and_nothing_else(data: bytes) -> None:
    for read in (decode, decode_value, lambda rest: decode(b"\x01" + rest)):
        with contextlib.suppress(Unreadable):
            read(data)


def _without_infinities(value: Any) -> Any:
    if isinstance(value, float):
        return value if abs(value) != float("inf") else 0.0
    if isinstance(value, list):
        return [_without_infinities(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_infinities(item) for key, item in value.items()}
    return value
