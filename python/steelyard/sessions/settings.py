"""Every setting of a session and its default, in one value that middleware and manager share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from steelyard.sessions.codec import CodecName
from steelyard.sessions.errors import StoreMisconfigured

Rule = Literal["last-wins", "raise"]
SameSite = Literal["lax", "strict", "none"]
OnFailure = Literal["503", "read-only"]


def nothing(_: str) -> None:
    """The hook of those who want none."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Called with the store's key of the session (not its id). They must not raise; what they raise is logged."""

    created: Callable[[str], None] = nothing
    renewed: Callable[[str], None] = nothing
    ended: Callable[[str], None] = nothing
    expired: Callable[[str], None] = nothing
    unreadable: Callable[[str], None] = nothing


@dataclass(frozen=True, slots=True)
class Settings:
    """How sessions live. Times are seconds."""

    idle: float = 14 * 24 * 3600.0
    """A session that no request has read for this time ends."""
    absolute: float = 90 * 24 * 3600.0
    """It ends after this time whatever happens."""
    touch_share: float = 0.1
    """The end is moved at most once in this share of ``idle``, so that reading costs no writes."""
    on_conflict: Rule = "last-wins"
    """What happens when two requests change the same key: the later save wins, or ``Conflict`` is raised."""
    on_failure: OnFailure = "503"
    """What happens when the store cannot save: a 503, or ``read-only``: the answer goes out, the changes are lost and
    logged. A session that cannot be loaded is always a 503, never an empty session."""
    renew_grace: float = 10.0
    """How long requests that run with the id of before a renewal may still save; 0: not at all."""
    tombstone: float = 3600.0
    """How long an ended session is remembered, so that no slow request brings it back: longer than any request runs.
    With ``replicated://`` a deleted key too, and longer than any partition that nothing must come back from."""
    codec: CodecName = "json"
    """How values are written."""
    signing_keys: tuple[bytes, ...] = field(default=(), repr=False)
    """Keys for the signature of the cookie, the newest first; with them a forged cookie costs no look-up."""
    encryption_keys: tuple[bytes, ...] = field(default=(), repr=False)
    """Keys for the encryption of what is kept, the newest first."""
    cookie: str = ""
    """The cookie's name; left out, ``__Host-session``, or ``session`` with ``insecure``."""
    same_site: SameSite = "lax"
    """Which requests that other sites cause carry the cookie (RFC 6265bis §5.2)."""
    insecure: bool = False
    """Development over plain HTTP: no Secure attribute and no ``__Host-`` prefix."""
    path: str = "/"
    """The cookie's path; any other than ``/`` excludes the ``__Host-`` prefix."""
    domain: str = ""
    """Share the cookie with subdomains; excludes the ``__Host-`` prefix."""
    persistent: bool = True
    """Whether the cookie outlives the browser (Max-Age, until the absolute end)."""
    hooks: Hooks = field(default_factory=Hooks, repr=False)
    """What is called when sessions are created, renewed, ended, expired or found unreadable."""

    def __post_init__(self) -> None:
        for name in ("idle", "absolute", "tombstone"):
            if not getattr(self, name) > 0:
                raise StoreMisconfigured(f"{name} is a time in seconds above 0, found {getattr(self, name)!r}")
        for name in ("signing_keys", "encryption_keys"):
            keys: object = getattr(self, name)
            if not isinstance(keys, tuple | list) or not all(isinstance(key, bytes) and key for key in keys):
                # Neither the keys nor parts of them: this is going to be in a log.
                raise StoreMisconfigured(f"{name} is a tuple of keys, each of bytes, the newest first: (key.encode(),)")
        if not 0 <= self.touch_share < 1:
            raise StoreMisconfigured(f"touch_share is from 0 to below 1, found {self.touch_share!r}")
        for name, known in (("on_conflict", Rule), ("on_failure", OnFailure), ("same_site", SameSite)):
            if getattr(self, name) not in get_args(known):
                words = " or ".join(map(repr, get_args(known)))
                raise StoreMisconfigured(f"{name} is {words}, found {getattr(self, name)!r}")
        if self.same_site == "none" and self.insecure:
            raise StoreMisconfigured('same_site="none" needs Secure: browsers drop the cookie over plain HTTP')
        if self.cookie.startswith("__Host-") and (self.insecure or self.domain or self.path != "/"):
            raise StoreMisconfigured("a __Host- cookie is Secure, has Path=/ and no Domain (RFC 6265bis §4.1.3.2)")

    @property
    def cookie_name(self) -> str:
        """The name that is used."""
        plain = self.insecure or self.domain or self.path != "/"
        return self.cookie or ("session" if plain else "__Host-session")


def merged(settings: Settings | None, options: dict[str, Any]) -> Settings:
    """The settings of a middleware that was given some, single options, or both: options count."""
    return replace(settings, **options) if settings is not None else Settings(**options)
