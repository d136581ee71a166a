"""The session's cookie: reading it from whatever a client sends, and writing it. Pure.

RFC 6265 §4 and §5, and the ``__Host-`` prefix of its successor.
"""

from __future__ import annotations

from steelyard.sessions.keys import Signer
from steelyard.sessions.settings import Settings

_LONGEST_HEADER = 65536
"""More than any server lets through: what is longer is not looked at."""


def read(header: str, name: str, signer: Signer) -> str | None:
    """The first valid id among the cookies of this name; None when there is none, whatever the bytes."""
    if len(header) > _LONGEST_HEADER or name not in header:
        return None
    for pair in header.split(";"):
        found, separator, value = pair.partition("=")
        if separator and found.strip(" \t") == name:
            session_id = signer.unsign(value.strip(" \t").removeprefix('"').removesuffix('"'))
            if session_id is not None:
                return session_id
    return None


def write(settings: Settings, signer: Signer, session_id: str, max_age: float) -> str:
    """The value of Set-Cookie that gives the client its id."""
    lasting = f"; Max-Age={max(0, round(max_age))}" if settings.persistent else ""
    return f"{settings.cookie_name}={signer.sign(session_id)}{lasting}{_attributes(settings)}"


def remove(settings: Settings) -> str:
    """The value of Set-Cookie that makes the client forget it."""
    return f"{settings.cookie_name}=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT{_attributes(settings)}"


def _attributes(settings: Settings) -> str:
    domain = f"; Domain={settings.domain}" if settings.domain else ""
    secure = "" if settings.insecure else "; Secure"
    return f"; Path={settings.path}{domain}; HttpOnly; SameSite={settings.same_site.capitalize()}{secure}"
