"""Values and records as bytes: JSON or msgpack, never pickle, since whoever can write to a store must not run code.

Each value begins with one byte that names its codec, so that the codec can be changed while sessions live.
"""

from __future__ import annotations

import json
from collections.abc import Callable
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

    def dumps(self, value: Any) -> bytes:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


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


_READERS: dict[bytes, Callable[[], Codec]] = {Json.form: Json, Msgpack.form: Msgpack}


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
            f"session[{key!r}] is a {type(value).__name__} that cannot be kept ({error}): store plain data, "
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


def encode(content: Content) -> bytes:
    """A body: a JSON head with the lengths, then the values as they are, so that loading decodes only what is read."""
    head = {
        "c": content.created,
        "d": content.deadline,
        "e": [
            (key, entry.stamp, -1 if entry.value is None else len(entry.value))
            for key, entry in content.entries.items()
        ],
    }
    if content.moved_to:
        head["m"] = content.moved_to
    packed = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
    values = b"".join(entry.value for entry in content.entries.values() if entry.value is not None)
    return len(packed).to_bytes(4) + packed + values


def decode(body: bytes) -> Content:
    """The inverse of ``encode``. Raises ``Unreadable`` for anything else."""
    try:
        start = 4 + int.from_bytes(body[:4])
        head = json.loads(body[4:start])
        entries: dict[str, Entry] = {}
        for key, stamp, length in head["e"]:
            if length < 0:
                entries[str(key)] = Entry(int(stamp), None)
                continue
            value = body[start : start + length]
            if len(value) != length:
                raise ValueError("it is cut short")
            entries[str(key)] = Entry(int(stamp), value)
            start += length
        return Content(float(head["c"]), float(head["d"]), entries, str(head.get("m", "")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unreadable(f"the record cannot be decoded: {error}") from None
