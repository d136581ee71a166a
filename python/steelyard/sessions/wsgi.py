"""WSGI middleware (PEP 3333): ``WSGISessionMiddleware(app, store="redis://…")``, ``environ["steelyard.session"]``.

The session is loaded when it is first read and saved when the application starts its response.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from steelyard.sessions import cookie
from steelyard.sessions.errors import Conflict, SessionEnded, StoreUnavailable
from steelyard.sessions.lease import locked
from steelyard.sessions.manager import CookieChange, Manager, RemoveCookie
from steelyard.sessions.plan import carry_out
from steelyard.sessions.response import RETRY_AFTER_S, UNAVAILABLE, fields
from steelyard.sessions.session import Session
from steelyard.sessions.settings import Settings, merged
from steelyard.sessions.stores import Store, open_store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("steelyard.sessions")

KEY = "steelyard.session"


class Blocking:
    """Sessions over a blocking connector: what WSGI, Flask and Django share."""

    def __init__(self, store: str | Store, settings: Settings) -> None:
        self.manager = Manager(open_store(store), settings)
        self.connector = self.manager.store.connector()

    def cookie_id(self, cookie_field: str) -> str | None:
        """The id in a request's Cookie field."""
        return cookie.read(cookie_field, self.manager.settings.cookie_name, self.manager.signer)

    def load(self, session: Session) -> None:
        """Load now."""
        carry_out(self.manager.load(session), self.connector)

    def save(self, session: Session) -> CookieChange:
        """Save; a session that was ended meanwhile is taken from the client, a failed touch is only logged, and so is a
        failed save that may (``on_failure``)."""
        try:
            return carry_out(self.manager.save(session), self.connector)
        except SessionEnded as error:
            log.info("session: %s", error)
            return None if session.state.stale else RemoveCookie()
        except StoreUnavailable as error:
            if session.modified and self.manager.settings.on_failure == "503":
                raise
            log.error("session not saved: %s", error)
            return None


class BlockingSession(Session):
    """A session of a WSGI application: a mapping, loaded when it is first read."""

    def __init__(self, sessions: Blocking, cookie_id: str | None) -> None:
        super().__init__(sessions.manager.codec, cookie_id, sessions.load)
        self._sessions = sessions

    def end_all(self, principal: str = "", *, but_this: bool = False) -> int:
        """Log a principal, left out: this session's, out everywhere, except perhaps here. Returns how many ended."""
        who = principal or self.principal
        ended = carry_out(self._sessions.manager.end_all(who, but=self), self._sessions.connector)
        return ended + self._end_with(who, but_this)

    def lock(self, name: str, *, lease: float = 10.0, wait: float = 10.0) -> AbstractContextManager[None]:
        """``with session.lock("pay"):`` one request at a time; ``LeaseTaken`` (409) after ``wait`` seconds."""
        return locked(self._sessions.manager, self._sessions.connector, self, name, lease=lease, wait=wait)


class WSGISessionMiddleware:
    """Gives every request an ``environ["steelyard.session"]``. The options are the fields of ``Settings``."""

    def __init__(
        self,
        app: WSGIApplication,
        store: str | Store = "memory://",
        *,
        settings: Settings | None = None,
        **options: Any,
    ) -> None:
        self.app = app
        self.sessions = Blocking(store, merged(settings, options))

    def _open(self, environ: WSGIEnvironment) -> BlockingSession:
        return BlockingSession(self.sessions, self.sessions.cookie_id(environ.get("HTTP_COOKIE", "")))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        session = environ[KEY] = self._open(environ)
        started = False

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            nonlocal started
            if not started:
                change = self.sessions.save(session)
                headers = [*headers, *fields(self.sessions.manager, session, change, (name for name, _ in headers))]
                started = True
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        try:
            return _begun(self.app(environ, start))
        except StoreUnavailable as error:
            if started:
                raise
            log.error("session store unavailable: %s", error)
            return _refuse(start_response, "503 Service Unavailable", UNAVAILABLE)
        except Conflict as error:
            if started:
                raise
            return _refuse(start_response, "409 Conflict", f"{error}. Try again.\n")


def _begun(body: Iterable[bytes]) -> Iterable[bytes]:
    """A lazy body with its first part made, since many applications start their response only then."""
    if not isinstance(body, Iterator):
        return body
    first = list(_take_one(body))
    return _Rest(first, body)


def _take_one(body: Iterator[bytes]) -> Iterator[bytes]:
    for part in body:
        yield part
        return


class _Rest:
    """A begun body; ``close`` reaches the application's own (PEP 3333)."""

    def __init__(self, first: list[bytes], body: Iterator[bytes]) -> None:
        self._first = first
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield from self._first
        yield from self._body

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            close()


def _refuse(start_response: StartResponse, status: str, sentence: str) -> Iterable[bytes]:
    body = sentence.encode()
    head = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    start_response(status, [*head, ("Retry-After", str(RETRY_AFTER_S)), ("Cache-Control", "no-store")])
    return [body]
