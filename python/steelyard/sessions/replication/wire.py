"""Messages between members: a JSON head, then the bodies of records as they are. Pure.

Form: one byte with the version of this form, four bytes with the head's length, the head, the bodies. Whatever else
arrives is a ``WireError``; nothing that a message holds is run or trusted to be of the right type.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from steelyard.sessions.errors import SessionError
from steelyard.sessions.record import Stored
from steelyard.sessions.replication.replica import Answer, Held, Operation

FORM = 1


class WireError(SessionError):
    """Bytes that are no message of this version."""


@dataclass(frozen=True, slots=True)
class Message:
    """``kind`` says what is asked or answered, ``view`` under which view; the rest as the kind needs it."""

    kind: str
    view: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    records: tuple[tuple[str, Held], ...] = ()


def pack(message: Message) -> bytes:
    """A message as bytes."""
    listed = [
        (key, h.stored.version, h.stored.expires, h.stored.principal, len(h.stored.body), h.seen)
        for key, h in message.records
    ]
    head = json.dumps([message.kind, message.view, message.fields, listed], separators=(",", ":")).encode()
    return b"".join([bytes([FORM]), len(head).to_bytes(4), head, *(h.stored.body for _, h in message.records)])


def unpack(data: bytes) -> Message:
    """The inverse. Raises ``WireError`` for anything else."""
    if data[:1] != bytes([FORM]):
        raise WireError(f"expected a message of form {FORM}, found {data[:1].hex() or 'nothing'}")
    start = 5 + int.from_bytes(data[1:5])
    try:
        kind, view, fields, listed = json.loads(data[5:start])
        records = []
        for key, version, expires, principal, length, seen in listed:
            body = data[start : start + length]
            if not (isinstance(length, int) and 0 <= length == len(body)):
                raise ValueError("it is cut short")
            vector = tuple((_text(name), _whole(count)) for name, count in seen)
            stored = Stored(_whole(version), float(expires), _text(principal), body)
            records.append((_text(key), Held(stored, vector)))
            start += length
        if start != len(data) or not isinstance(fields, dict):
            raise ValueError("its parts do not fit together")
        return Message(_text(kind), _text(view), fields, tuple(records))
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise WireError(f"a message cannot be read: {error}") from None


def asking(asked: Operation, view: str) -> Message:
    """An operation as a message."""
    fields = {k: v for k, v in asdict(asked).items() if k not in ("stored", "key")}
    return Message("ask", view, fields, ((asked.key, Held(asked.stored or Stored(0, 0.0, "", b""), ())),))


def asked(message: Message) -> Operation:
    """The inverse of ``asking``."""
    try:
        ((key, held),) = message.records
        f = message.fields
        return Operation(
            f["name"],
            key,
            float(f["now"]),
            float(f["until"]),
            _whole(f["expected"]),
            _text(f["token"]),
            held.stored if held.stored.version else None,
            f["again"] is True,
        )
    except (ValueError, TypeError, KeyError) as error:
        raise WireError(f"an operation cannot be read: {error!r}") from None


def answering(answer: Answer) -> Message:
    """An answer as a message."""
    records = () if answer.stored is None else (("", Held(answer.stored, ())),)
    return Message("answer", "", {"outcome": answer.outcome}, records)


def answered(message: Message) -> Answer:
    """The inverse of ``answering``."""
    outcome = message.fields.get("outcome")
    if message.kind != "answer" or outcome not in ("ok", "no", "outrun", "gone"):
        raise WireError(f"expected an answer, found {message.kind!r} {outcome!r}")
    return Answer(outcome, message.records[0][1].stored if message.records else None)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {type(value).__name__}")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"expected a whole number, found {type(value).__name__}")
    return value
