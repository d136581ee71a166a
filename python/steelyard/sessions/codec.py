"""Values and records as bytes: JSON or msgpack, never pickle, since whoever can write to a store must not run code.

Each value begins with one byte that names its codec, so that the codec can be changed while sessions live.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Literal, Protocol

from steelyard.sessions.errors import NotSerializable, StoreMisconfigured, Unreadable
from steelyard.sessions.record import Content, Entry

CodecName = Literal["json", "msgpack"]


class Codec(Protocol):
    """One way to write values."""

    form: bytes
    """The first byte of a value."""

    def dumps(self, value: Any) -> bytes:
        """The bytes of a value; raises ``TypeError`` or ``ValueError`` for what cannot be written."""

    def loads(self, data: bytes) -> Any: ...


class Json:
    """JSON (RFC 8259): readable everywhere, text and numbers only."""

    form = b"j"
    # Made once: ``json.dumps`` with arguments makes an encoder at every call, ``loads`` guesses an encoding.
    _encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
    _decode = json.JSONDecoder().raw_decode

    def dumps(self, value: Any) -> bytes:
        return self._encode(value).encode()

    def loads(self, data: bytes) -> Any:
        text = data.decode()
        value, end = self._decode(text)
        if end != len(text):
            raise ValueError("something follows the value")
        return value


class Msgpack:
    """msgpack: smaller, and it keeps bytes."""

    form = b"m"

    def __init__(self) -> None:
        try:
            import msgpack  # type: ignore[import-untyped]
        except ImportError:
            raise StoreMisconfigured("msgpack is not installed: pip install 'steelyard[msgpack]'") from None
        self._msgpack = msgpack

    def dumps(self, value: Any) -> bytes:
        packed: bytes = self._msgpack.packb(value, use_bin_type=True)
        return packed

    def loads(self, data: bytes) -> Any:
        return self._msgpack.unpackb(data, raw=False, strict_map_key=False)


_READERS: dict[bytes, Callable[[], Codec]] = {Json.form: cache(Json), Msgpack.form: cache(Msgpack)}


def codec(name: CodecName) -> Codec:
    """The codec of that name."""
    if name == "json":
        return Json()
    if name == "msgpack":
        return Msgpack()
    raise StoreMisconfigured(f'expected codec "json" or "msgpack", found {name!r}')


def encode_value(codec: Codec, key: str, value: Any) -> bytes:
    """One value's bytes. Raises ``NotSerializable`` with the key and the type."""
    try:
        return codec.form + codec.dumps(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise NotSerializable(
            f"session[{key!r}] is of type {type(value).__name__} and cannot be kept ({error}): store plain data, "
            "such as text, numbers, lists and dictionaries"
        ) from None


def decode_value(data: bytes) -> Any:
    """The inverse, whichever codec wrote it. Raises ``Unreadable``."""
    try:
        return _READERS[data[:1]]().loads(data[1:])
    except StoreMisconfigured:
        raise
    except Exception as error:
        raise Unreadable(f"a value cannot be decoded: {type(error).__name__}") from None


_HEAD = struct.Struct(">BddII")
"""The form of the body, when it was created, its deadline, how many entries there are, the length of ``moved_to``."""
_ENTRY = struct.Struct(">qiI")
"""An entry's stamp, the length of its value (-1: deleted) and of its key."""
_FORM = 1
_entry = partial(tuple.__new__, Entry)
"""An entry from a tuple, without a Python call each: every load makes one for every key."""


def encode(content: Content) -> bytes:
    """A body: a head, a table of the entries, then keys and values as they are: loading decodes only what is read.

    Fixed fields instead of a JSON head, because loading is the hot path: a third of the time (decision 0098).
    """
    moved_to = content.moved_to.encode()
    table, rest = bytearray(), [moved_to]
    for key, entry in content.entries.items():
        # What Python's text can hold and UTF-8 cannot is a key like any other.
        name, value = key.encode("utf-8", "surrogatepass"), entry.value
        table += _ENTRY.pack(entry.stamp, -1 if value is None else len(value), len(name))
        rest.append(name)
        if value is not None:
            rest.append(value)
    head = _HEAD.pack(_FORM, content.created, content.deadline, len(content.entries), len(moved_to))
    return b"".join((head, table, *rest))


def decode(body: bytes) -> Content:
    """The inverse of ``encode``. Raises ``Unreadable`` for anything else."""
    try:
        form, created, deadline, count, moved = _HEAD.unpack_from(body)
        if form != _FORM:
            raise ValueError(f"its form is {form}, expected {_FORM}")
        table = _HEAD.size + count * _ENTRY.size
        at = table + moved
        moved_to = body[table:at].decode() if moved else ""
        entries: dict[str, Entry] = {}
        for stamp, length, name in _ENTRY.iter_unpack(body[_HEAD.size : table]):
            value = at + name
            key = body[at:value].decode("utf-8", "surrogatepass")
            if length < 0:
                entries[key], at = _entry((stamp, None)), value
            else:
                at = value + length
                entries[key] = _entry((stamp, body[value:at]))
        if at != len(body) or len(entries) != count:
            raise ValueError("it is cut short, or longer than it says")
    except (ValueError, struct.error) as error:
        raise Unreadable(f"the record cannot be decoded: {error}") from None
    return Content(created, deadline, entries, moved_to)
