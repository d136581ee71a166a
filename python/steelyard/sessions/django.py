"""Django: ``SESSION_ENGINE = "steelyard.sessions.django"`` and ``SESSION_STORE = "redis://…"``; then as ever.

Cookie and lifetimes are Django's own settings (SESSION_COOKIE_*, ``set_expiry``); for a ``__Host-`` cookie set
SESSION_COOKIE_NAME to ``__Host-sessionid`` and SESSION_COOKIE_SECURE. The principal is the user who is logged in, so
``end_all`` logs a user out everywhere. With ``"steelyard.sessions.django.SessionMiddleware"`` in MIDDLEWARE, in the
place of Django's, a store that does not answer is a 503 instead of a 500, and a conflict or a lock that is taken a 409.
``with lock(request, "pay"):`` or ``@locked("pay")`` over a view lets one request of a session in at a time.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

from steelyard.sessions.errors import Conflict, SessionEnded, StoreMisconfigured, StoreUnavailable
from steelyard.sessions.keys import is_id, new_id
from steelyard.sessions.plan import carry_out
from steelyard.sessions.response import RETRY_AFTER_S, UNAVAILABLE
from steelyard.sessions.session import Session
from steelyard.sessions.settings import Settings
from steelyard.sessions.wsgi import Blocking

try:
    from django.conf import settings
    from django.contrib.auth import SESSION_KEY
    from django.contrib.sessions.backends.base import SessionBase, UpdateError
    from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware
    from django.http import HttpRequest, HttpResponse

    from steelyard.sessions.django_lock import Lock, lock, locked
except ImportError:
    raise StoreMisconfigured("Django is not installed: pip install django") from None

log = logging.getLogger("steelyard.sessions")

__all__ = ["Lock", "SessionMiddleware", "SessionStore", "end_all", "lock", "locked", "sessions"]

_EXPIRY = "_session_expiry"
"""Where Django keeps what ``set_expiry`` was told."""
_COOKIE_OPTIONS = {"cookie", "same_site", "insecure", "path", "domain", "persistent", "signing_keys"}


@cache
def sessions() -> Blocking:
    """The sessions of this project, from its settings."""
    store = getattr(settings, "SESSION_STORE", None)
    if store is None:
        raise StoreMisconfigured('no store for sessions: set SESSION_STORE = "redis://…" in the settings')
    options = {"idle": float(settings.SESSION_COOKIE_AGE), **getattr(settings, "SESSION_STORE_OPTIONS", {})}
    if of_django := sorted(options.keys() & _COOKIE_OPTIONS):
        raise StoreMisconfigured(
            f'SESSION_STORE_OPTIONS["{of_django[0]}"] has no effect: the cookie is Django\'s, set SESSION_COOKIE_NAME, '
            "SESSION_COOKIE_SECURE and the others"
        )
    return Blocking(store, Settings(**options))


def end_all(user_id: object) -> int:
    """Log a user out everywhere. Returns how many sessions were ended."""
    ours = sessions()
    return carry_out(ours.manager.end_all(str(user_id)), ours.connector)


class SessionStore(SessionBase):  # type: ignore[misc]
    """Django's interface over one of our sessions, which finds out what changed and merges."""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._ours: Session | None = None
        self._renewing = False
        self._session_key: str | None

    @property
    def modified(self) -> bool:
        """Whether there is something to save: also a change deep inside, which Django itself would not notice."""
        cached = getattr(self, "_session_cache", None)
        if self._modified or self._ours is None or cached is None:
            return self._modified
        _copy(cached, self._ours)
        return self._ours.modified

    @modified.setter
    def modified(self, value: bool) -> None:
        self._modified = value

    def load(self) -> dict[str, Any]:
        ours = self._open()
        if ours.new:
            self._session_key = None
        return ours.snapshot()

    def exists(self, session_key: str) -> bool:
        other = _session(session_key)
        return not other.new

    def create(self) -> None:
        """A new session with a new key, empty; Django keeps it even then."""
        self._ours = _session(None)
        self._session_cache: dict[str, Any] = {}
        self._ours["_created"] = True
        self._keep()
        self.modified = True

    def save(self, must_create: bool = False) -> None:
        wanted = self._get_session(no_load=must_create)
        ours = self._open() if not must_create and self._session_key else _session(None)
        if must_create or self._session_key is None:
            self._ours = ours
        _copy(wanted, ours)
        if self._renewing and not ours.new:
            ours.login(str(wanted.get(SESSION_KEY, "")))
        elif ours.new:
            ours.state.principal = str(wanted.get(SESSION_KEY, ""))
        self._keep()

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self._session_key
        if key is None:
            return
        ended = _session(key)
        ended.end()
        sessions().save(ended)

    def cycle_key(self) -> None:
        """A new key at the next save; requests that run with the old one lose nothing."""
        self._get_session()
        self._renewing = self.modified = True

    def settle(self) -> None:
        """Save before the response, for a lock. What needs a new cookie waits for the response."""
        if not self._session_key or self._renewing or not self.modified:
            return
        try:
            self.save()
        except UpdateError:
            # The changes stay: the save before the response finds out again and takes the cookie away.
            return
        self.modified = False

    def forget(self) -> None:
        """Read it anew when it is next asked for, unless there is something of this request to save."""
        if self._session_key and not self._renewing and not self.modified:
            self._ours = None
            if hasattr(self, "_session_cache"):
                del self._session_cache

    @classmethod
    def clear_expired(cls) -> None:
        ours = sessions()
        while carry_out(ours.manager.purge(), ours.connector):
            pass

    def _open(self) -> Session:
        if self._ours is None:
            self._ours = _session(self._session_key)
        return self._ours

    def _keep(self) -> None:
        """Save, and take over the key that it has now."""
        assert self._ours is not None
        if _EXPIRY in self._session_cache:
            # ``set_expiry`` is of the session itself, not only of its cookie.
            self._ours.state.idle = float(self.get_expiry_age())
        try:
            carry_out(sessions().manager.save(self._ours), sessions().connector)
        except SessionEnded:
            raise UpdateError from None
        except StoreUnavailable as error:
            if sessions().manager.settings.on_failure == "503" and self._ours.modified:
                raise
            log.error("session not saved: %s", error)
        self._session_key = self._ours.state.cookie_id
        self._renewing = False

    def _get_new_session_key(self) -> str:
        return new_id()

    def _validate_session_key(self, key: str | None) -> bool:
        return bool(key) and is_id(str(key))


def _session(key: str | None) -> Session:
    """The session under a key, loaded; a key that cannot be one finds nothing."""
    found = sessions().manager.session(key if key and is_id(key) else None)
    sessions().load(found)
    return found


def _copy(wanted: dict[str, Any], ours: Session) -> None:
    """Make one of our sessions say what Django's dictionary says; it knows itself what that changes."""
    for key in set(ours) - set(wanted):
        del ours[key]
    for key, value in wanted.items():
        ours[key] = value


class SessionMiddleware(DjangoSessionMiddleware):  # type: ignore[misc]
    """Django's, with 503 where the store does not answer and 409 for a conflict."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return _refusal(exception) if isinstance(exception, StoreUnavailable | Conflict) else None

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        try:
            response = super().process_response(request, response)
        except (StoreUnavailable, Conflict) as error:
            return _refusal(error)
        name, session = settings.SESSION_COOKIE_NAME, getattr(request, "session", None)
        sent = response.cookies.get(name)
        if session is not None and session.session_key is None and sent is not None and sent.value:
            # Nothing was saved (``read-only``), and Django sends the text "None".
            del response.cookies[name]
        if session is not None and session.accessed and not response.has_header("Cache-Control"):
            # What was made from a session is for this client alone (RFC 9111 §5.2.2.5). Django says Vary: Cookie.
            response["Cache-Control"] = "no-store"
        return response


def _refusal(error: StoreUnavailable | Conflict) -> HttpResponse:
    if isinstance(error, Conflict):
        text, status, headers = f"{error}. Try again.\n", 409, {}
    else:
        log.error("session store unavailable: %s", error)
        text, status, headers = UNAVAILABLE, 503, {"Retry-After": str(RETRY_AFTER_S)}
    headers["Cache-Control"] = "no-store"
    return HttpResponse(text, status=status, content_type="text/plain", headers=headers)
