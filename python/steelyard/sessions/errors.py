"""What can go wrong with a session. A store that fails is not a logout: it has an error of its own.

These do not derive from the balancer's errors: this package stands alone.
"""

from __future__ import annotations


class SessionError(Exception):
    """The root of everything that ``steelyard.sessions`` raises on purpose."""


class StoreUnavailable(SessionError):
    """The store did not answer, or answered that it cannot. The session may well exist: answer 503, do not log out."""


class StoreMisconfigured(SessionError):
    """A store's URL is wrong, or its client library is missing; the message says what to write or to install."""


class Conflict(SessionError):
    """Another request changed the same keys first, and the rule is ``raise``. ``keys`` names them."""

    def __init__(self, keys: frozenset[str]) -> None:
        super().__init__(f"another request changed {', '.join(sorted(keys))} of this session at the same time")
        self.keys = keys


class LeaseTaken(Conflict):
    """Another request holds this session's lock, and kept it for as long as this one would wait. ``keys`` names it."""

    def __init__(self, name: str, waited: float) -> None:
        SessionError.__init__(self, f"another request of this session has held the lock {name!r} for {waited:g} s")
        self.keys = frozenset({name})


class SessionEnded(SessionError):
    """The session was ended (a logout, an expiry) while this request ran; its changes were not saved."""


class NotSerializable(SessionError):
    """A value that cannot be kept: only what the codec (JSON or msgpack) knows. The message names the key and type."""


class Unreadable(SessionError):
    """A record that cannot be decoded: another version's, another key's, or damaged. It was set aside, not deleted."""


class NotLoaded(SessionError):
    """The session was read where it could not be loaded without blocking; the message says how to load it before."""
