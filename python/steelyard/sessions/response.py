"""What a session adds to a response, for every framework alike. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from steelyard.sessions import cookie
from steelyard.sessions.manager import CookieChange, Manager, RemoveCookie, SetCookie
from steelyard.sessions.session import Session

UNAVAILABLE = "The session store does not answer. Try again in a moment.\n"
RETRY_AFTER_S = 2


def fields(manager: Manager, session: Session, change: CookieChange, present: Iterable[str]) -> list[tuple[str, str]]:
    """The fields to add. ``present`` are the names of those that the response has."""
    added: list[tuple[str, str]] = []
    match change:
        case SetCookie(session_id, max_age):
            added.append(("Set-Cookie", cookie.write(manager.settings, manager.signer, session_id, max_age)))
        case RemoveCookie():
            added.append(("Set-Cookie", cookie.remove(manager.settings)))
    if session.state.loaded:
        # What was made from a session is for this client alone (RFC 9111 §4.1, §5.2.2.5).
        added.append(("Vary", "Cookie"))
        if all(name.lower() != "cache-control" for name in present):
            added.append(("Cache-Control", "no-store"))
    return added
