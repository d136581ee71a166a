"""The ASGI middleware where things go wrong, and around other middleware and streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from steelyard.sessions import SessionMiddleware, StoreUnavailable
from steelyard.sessions.plan import AsyncConnector
from steelyard.sessions.stores.memory import MemoryStore


class Moody:
    """A connector that fails from the n-th command on."""

    def __init__(self) -> None:
        self._whole: AsyncConnector = STORE.async_connector()
        self.good: int | None = None
        self.commands = 0

    async def execute(self, command: Any) -> Any:
        self.commands += 1
        if self.good is not None:
            if self.good == 0:
                raise StoreUnavailable("away")
            self.good -= 1
        return await self._whole.execute(command)

    async def close(self) -> None:
        """Nothing is open."""


STORE = MemoryStore()


async def count(request: Request) -> Response:
    request.session["n"] = request.session.get("n", 0) + 1
    return PlainTextResponse(str(request.session["n"]))


async def read(request: Request) -> Response:
    return PlainTextResponse(str(request.session.get("n", 0)))


async def race(request: Request) -> Response:
    """Changes what another request changes meanwhile."""
    value = request.session.get("n", 0) + 1
    async with TestTwin(request.app.state.whole, request.headers["cookie"]) as twin:
        await twin("/count")
    request.session["n"] = value
    return PlainTextResponse(str(value))


async def stream(request: Request) -> Response:
    request.session["n"] = request.session.get("n", 0) + 1

    async def parts() -> AsyncIterator[bytes]:
        yield b"first "
        request.session["late"] = True
        await request.session.save()  # type: ignore[attr-defined]
        yield b"last"

    return StreamingResponse(parts())


async def own_task(request: Request) -> Response:
    async def reads() -> Any:
        return request.session.get("n", 0)

    if "load" in request.query_params:
        await request.session.load()  # type: ignore[attr-defined]
    try:
        return PlainTextResponse(str(await asyncio.create_task(reads())))
    except Exception as error:
        return PlainTextResponse(f"{type(error).__name__}: {error}", 500)


async def locked(request: Request) -> Response:
    async with request.session.lock("count"):  # type: ignore[attr-defined]
        request.session["n"] = request.session.get("n", 0) + 1
        await asyncio.sleep(0)
    return PlainTextResponse(str(request.session["n"]))


async def socket(websocket: WebSocket) -> None:
    n = websocket.session.get("n", 0)
    websocket.session["n"] = n + 1
    await websocket.accept()
    await websocket.send_text(str(n))
    websocket.session["said"] = await websocket.receive_text()
    await websocket.session.save()  # type: ignore[attr-defined]
    await websocket.close()


ROUTES = [
    *(Route(f"/{endpoint.__name__}", endpoint) for endpoint in (count, read, race, stream, own_task, locked)),
    WebSocketRoute("/socket", socket),
]


class TestTwin:
    """Another request of the same client inside a running one."""

    __test__ = False

    def __init__(self, app: Any, cookie: str) -> None:
        self._app, self._cookie = app, cookie

    async def __aenter__(self) -> Callable[[str], Awaitable[None]]:
        return self._get

    async def __aexit__(self, *_: object) -> None: ...

    async def _get(self, path: str) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None: ...

        headers = [(b"cookie", self._cookie.encode())]
        scope = {"type": "http", "method": "GET", "path": path, "headers": headers, "query_string": b""}
        await asyncio.create_task(self._app(scope, receive, send))


class Shop:
    """A client of the application behind the middleware, and the connector that can be made to fail."""

    def __init__(self, *outside: Any, **options: Any) -> None:
        self.connector = Moody()
        inner = Starlette(routes=ROUTES)
        for middleware, arguments in outside:
            inner.add_middleware(middleware, **arguments)
        app = SessionMiddleware(inner, store=STORE, insecure=True, **options)
        app.connector = lambda: self.connector  # type: ignore[method-assign]
        inner.state.whole = app
        self.client = TestClient(app)

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(path, **options)


@pytest.mark.parametrize(("path", "good"), [("/count", 0), ("/count", 1), ("/read", 0), ("/stream", 1)])
def test_a_store_that_is_away_is_503_and_no_logout(path: str, good: int) -> None:
    shop = Shop()
    shop.get("/count")
    shop.connector.good = good
    response = shop.get(path)
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert "set-cookie" not in response.headers
    shop.connector.good = None
    assert shop.get("/count").text == "2", "neither logged out nor half saved"


def test_read_only_lets_the_answer_out_and_saves_nothing() -> None:
    shop = Shop(on_failure="read-only")
    shop.get("/count")
    shop.connector.good = 1
    response = shop.get("/count")
    assert (response.status_code, response.text) == (200, "2")
    assert "set-cookie" not in response.headers
    shop.connector.good = 0
    assert shop.get("/read").status_code == 503, "what cannot be loaded is never an empty session"
    shop.connector.good = None
    assert shop.get("/read").text == "1"


def test_the_same_key_changed_twice_follows_the_rule() -> None:
    last_wins = Shop()
    last_wins.get("/count")
    assert last_wins.get("/race").status_code == 200
    raising = Shop(on_conflict="raise")
    raising.get("/count")
    response = raising.get("/race")
    assert response.status_code == 409
    assert "set-cookie" not in response.headers
    assert raising.get("/read").text == "2", "the faster one's stands"


def test_a_stream_is_saved_before_its_first_byte_and_again_when_asked() -> None:
    shop = Shop()
    response = shop.get("/stream")
    assert response.text == "first last"
    assert "set-cookie" in response.headers
    assert shop.get("/count").text == "2"


async def test_it_is_saved_before_the_response_starts() -> None:
    shop, order = Shop(), []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        order.append((message["type"], shop.connector.commands))

    scope = {"type": "http", "method": "GET", "path": "/count", "headers": [], "query_string": b""}
    await shop.client.app(scope, receive, send)  # type: ignore[arg-type]
    assert order == [("http.response.start", 1), ("http.response.body", 1)], "one command: the session was new"


def test_websockets_have_sessions() -> None:
    shop = Shop()
    shop.get("/count")
    with shop.client.websocket_connect("/socket") as opened:
        assert opened.receive_text() == "1"
        opened.send_text("pear")
    assert shop.get("/count").text == "3"


async def passing(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    return await call_next(request)


async def looking(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    await request.session.load()  # type: ignore[attr-defined]
    return await call_next(request)


def test_behind_middleware_with_a_task_of_its_own_it_is_loaded_before() -> None:
    shop = Shop((BaseHTTPMiddleware, {"dispatch": looking}))
    assert [shop.get("/count").text for _ in range(3)] == ["1", "2", "3"]


def test_without_that_the_error_says_what_to_do() -> None:
    shop = Shop((BaseHTTPMiddleware, {"dispatch": passing}))
    with pytest.raises(Exception, match=r"await session\.load\(\) before"):
        shop.get("/count")


def test_a_task_of_the_application_is_told_to_load() -> None:
    shop = Shop()
    shop.get("/count")
    assert "await session.load()" in shop.get("/own_task").text
    assert shop.get("/own_task?load").text == "1"


def test_the_lock_in_a_route() -> None:
    shop = Shop()
    assert [shop.get("/locked").text for _ in range(3)] == ["1", "2", "3"]
