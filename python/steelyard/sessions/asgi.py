"""ASGI middleware: ``app.add_middleware(SessionMiddleware, store="redis://…")``, then ``request.session``.

The session is loaded when it is first read and saved before the response starts, so that the client's next request
sees it. What is changed after that (a streaming body, a background task) is saved by ``await session.save()``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from steelyard.sessions import cookie
from steelyard.sessions.bridge import Bridged, wait_for
from steelyard.sessions.errors import Conflict, SessionEnded, StoreUnavailable
from steelyard.sessions.lease import locked_async
from steelyard.sessions.manager import CookieChange, Manager, RemoveCookie
from steelyard.sessions.plan import AsyncConnector, Plan, carry_out_async
from steelyard.sessions.response import RETRY_AFTER_S, UNAVAILABLE, fields
from steelyard.sessions.session import Session
from steelyard.sessions.settings import Settings, merged
from steelyard.sessions.stores import Store, open_store

log = logging.getLogger("steelyard.sessions")

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
T = TypeVar("T")
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class AsyncSession(Session):
    """A session of an ASGI application: a mapping, with ``load`` and ``save`` to await where that is clearer."""

    def __init__(self, middleware: SessionMiddleware, cookie_id: str | None) -> None:
        super().__init__(middleware.manager.codec, cookie_id)
        self._middleware = middleware
        self._loop = asyncio.get_running_loop()
        self.failure: StoreUnavailable | Conflict | None = None
        """Why the store could not be asked on the application's behalf; a 500 that follows from it becomes ours."""

    async def load(self) -> None:
        """Load now; not needed before reading, except in tasks that the application started by itself."""
        await self._carry_out(self._middleware.manager.load(self))

    async def save(self) -> None:
        """Save now. For changes made after the response has started; cannot create a session any more then."""
        await self._carry_out(self._middleware.manager.save(self))

    async def end_all(self, principal: str = "", *, but_this: bool = False) -> int:
        """Log a principal, left out: this session's, out everywhere, except perhaps here. Returns how many ended."""
        if not self.state.loaded:
            await self.load()
        who = principal or self.principal
        ended = await self._carry_out(self._middleware.manager.end_all(who, but=self))
        return ended + self._end_with(who, but_this)

    @asynccontextmanager
    async def lock(self, name: str, *, lease: float = 10.0, wait: float = 10.0) -> AsyncIterator[None]:
        """``async with session.lock("pay"):`` one request at a time; ``LeaseTaken`` (409) after ``wait`` seconds."""
        manager, connector = self._middleware.manager, self._middleware.connector()
        try:
            async with locked_async(manager, connector, self, name, lease=lease, wait=wait):
                yield
        except (StoreUnavailable, Conflict) as error:
            self.failure = error
            raise

    def _load(self) -> None:
        if not self.state.loaded:
            wait_for(self.load, self._loop)

    async def _carry_out(self, plan: Plan[T]) -> T:
        try:
            return await carry_out_async(plan, self._middleware.connector())
        except (StoreUnavailable, Conflict) as error:
            self.failure = error
            raise


class SessionMiddleware:
    """Gives every HTTP request and WebSocket a ``scope["session"]``.

    ``store`` is a URL or a ``Store``; the other arguments are the fields of ``Settings``.
    """

    def __init__(
        self,
        app: App,
        store: str | Store = "memory://",
        *,
        settings: Settings | None = None,
        **options: Any,
    ) -> None:
        self.app = app
        self.manager = Manager(open_store(store), merged(settings, options))
        self._cookie = self.manager.settings.cookie_name
        self._connectors: dict[asyncio.AbstractEventLoop, AsyncConnector] = {}

    def connector(self) -> AsyncConnector:
        """The connector of the running event loop."""
        loop = asyncio.get_running_loop()
        found = self._connectors.get(loop)
        if found is None:
            for closed in [other for other in self._connectors if other.is_closed()]:
                del self._connectors[closed]
            found = self._connectors[loop] = self.manager.store.async_connector()
        return found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif scope["type"] in ("http", "websocket"):
            await self._exchange(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        finally:
            connector = self._connectors.pop(asyncio.get_running_loop(), None)
            if connector is not None:
                await connector.close()

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    async def _exchange(self, scope: Scope, receive: Receive, send: Send) -> None:
        # HTTP/2 may divide the field (RFC 9113 §8.2.3).
        header = b"; ".join([value for name, value in scope["headers"] if name == b"cookie"]).decode("latin-1")
        session = AsyncSession(self, cookie.read(header, self._cookie, self.manager.signer) if header else None)
        scope["session"] = session
        response = _Response(self, session, send)
        try:
            await Bridged(self._run(scope, receive, response.send))
        except (StoreUnavailable, Conflict) as error:
            if response.refused:
                return
            if response.started or scope["type"] == "websocket":
                raise
            await refuse(send, error)


class _Response:
    """The way out: saves the session before the response starts and adds its fields."""

    def __init__(self, middleware: SessionMiddleware, session: AsyncSession, send: Send) -> None:
        self.started = False
        self.refused = False
        """Ours was sent in place of the application's, whose rest is dropped."""
        self._middleware = middleware
        self._session = session
        self._send = send

    async def send(self, message: Message) -> None:
        if self.refused:
            return
        failure = self._session.failure
        if not self.started and failure is not None and message.get("status", 0) >= 500:
            # Frameworks answer an exception with 500 before it comes here (Starlette's ServerErrorMiddleware).
            self.started = self.refused = True
            await refuse(self._send, failure)
            return
        if not self.started and message["type"] in ("http.response.start", "websocket.accept"):
            change = await self._save() if self._session.state.loaded else None
            self.started = True
            if change is not None or self._session.state.loaded:
                message["headers"] = [*message.get("headers", ()), *self._fields(message, change)]
        await self._send(message)

    async def _save(self) -> CookieChange:
        session, manager = self._session, self._middleware.manager
        try:
            return await carry_out_async(manager.save(session), self._middleware.connector())
        except SessionEnded as error:
            log.info("session: %s", error)
            return None if session.state.stale else RemoveCookie()
        except StoreUnavailable as error:
            if manager.settings.on_failure == "503" and session.modified:
                raise
            log.error("session not saved: %s", error)
            return None

    def _fields(self, message: Message, change: CookieChange) -> list[tuple[bytes, bytes]]:
        if message["type"] == "websocket.accept" and change is None:
            return []
        present = (name.decode("latin-1") for name, _ in message.get("headers", ()))
        added = fields(self._middleware.manager, self._session, change, present)
        return [(name.lower().encode(), value.encode("latin-1")) for name, value in added]


async def refuse(send: Send, error: StoreUnavailable | Conflict) -> None:
    """A whole small response: 503, or 409 for a conflict."""
    status, body = 409, f"{error}. Try again.\n".encode()
    if isinstance(error, StoreUnavailable):
        log.error("session store unavailable: %s", error)
        status, body = 503, UNAVAILABLE.encode()
    head = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    if status == 503:
        head.append((b"retry-after", str(RETRY_AFTER_S).encode()))
    await send({"type": "http.response.start", "status": status, "headers": [*head, (b"cache-control", b"no-store")]})
    await send({"type": "http.response.body", "body": body})
