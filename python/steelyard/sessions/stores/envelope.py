"""A record as one string, for stores that keep strings: a head of fixed width, the principal, the body.

The head is three right-aligned decimal numbers: the version in 12 characters, the end (milliseconds) in 18, the length
of the principal in 10. Decimal, since a shell shows it and a script in the server can read it.
"""

from __future__ import annotations

from steelyard.sessions.errors import Unreadable
from steelyard.sessions.record import Stored

_VERSION, _EXPIRES, _PRINCIPAL = slice(0, 12), slice(12, 30), slice(30, 40)
_HEAD_LENGTH = 40


def milliseconds(seconds: float) -> int:
    """The unit of ends."""
    return int(seconds * 1000)


def version(number: int) -> bytes:
    """The first field."""
    return b"%12d" % number


def expires(seconds: float) -> bytes:
    """The second field."""
    return b"%18d" % milliseconds(seconds)


def pack(stored: Stored) -> bytes:
    """The string of a record."""
    owner = stored.principal.encode()
    return b"%12d%18d%10d%b%b" % (stored.version, milliseconds(stored.expires), len(owner), owner, stored.body)


def unpack(value: bytes) -> Stored:
    """The inverse, for tombstones and records past their end too. Raises ``Unreadable`` for what is no record."""
    try:
        body = _HEAD_LENGTH + int(value[_PRINCIPAL])
        if not _HEAD_LENGTH <= body <= len(value):
            raise ValueError("it is cut short")
        owner = value[_HEAD_LENGTH:body].decode()
        return Stored(int(value[_VERSION]), int(value[_EXPIRES]) / 1000, owner, value[body:])
    except ValueError as error:
        raise Unreadable(f"a value that is no session: {error}") from None
