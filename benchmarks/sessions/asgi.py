"""Starlette with our middleware, with its own cookie sessions and with starsessions, driven in process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio
import starsessions
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware as CookieSessions
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starsessions.stores.redis import RedisStore

from benchmarks.results import Result
from benchmarks.sessions.bare import VISITOR
from benchmarks.sessions.contest import awaiting, microseconds, per_second
from benchmarks.targets import US
from steelyard.sessions import SessionMiddleware

PATHS = {"read": "Reads the session", "change": "Reads and changes the session"}


async def begin(request: Request) -> Response:
    request.session.update(VISITOR)
    return PlainTextResponse("welcome")


async def read(request: Request) -> Response:
    return PlainTextResponse(request.session["user"])


async def change(request: Request) -> Response:
    request.session["seen"] += 1
    return PlainTextResponse(request.session["user"])


def _application(*middleware: Middleware) -> Starlette:
    return Starlette(routes=[Route(f"/{each.__name__}", each) for each in (begin, read, change)], middleware=middleware)


def run(url: str, rounds: int) -> Result:
    """Requests per second of one visitor."""
    loop = asyncio.new_event_loop()
    client = redis.asyncio.Redis.from_url(url)
    apps = {
        US: _application(Middleware(SessionMiddleware, store=url, insecure=True)),  # type: ignore[arg-type]
        "starsessions": _application(
            Middleware(
                starsessions.SessionMiddleware,
                store=RedisStore(connection=client),
                cookie_https_only=False,
                lifetime=9999,
            ),
            Middleware(starsessions.SessionAutoloadMiddleware),
        ),
        "Starlette's cookie": _application(Middleware(CookieSessions, secret_key="secret")),
    }
    visitors = {name: loop.run_until_complete(_visit(app)) for name, app in apps.items()}
    metrics = [
        per_second(
            microseconds(
                f"starlette-{path}",
                title,
                {name: awaiting(loop, visit(f"/{path}")) for name, visit in visitors.items()},
                rounds,
                60,
            )
        )
        for path, title in PATHS.items()
    ]
    loop.run_until_complete(client.aclose())
    return Result(
        "starlette",
        "Starlette",
        metrics,
        ["in process, without a server", "the cookie session asks no store: it is the floor, and it cannot log out"],
    )


async def _visit(app: Any) -> Callable[[str], Callable[[], Awaitable[None]]]:
    """A visitor who has a session: from a path to the request."""
    cookie = b""

    async def get(path: str) -> None:
        nonlocal cookie

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            nonlocal cookie
            if message["type"] != "http.response.start":
                return
            assert message["status"] == 200, message
            for name, value in message["headers"]:
                if name.lower() == b"set-cookie":
                    cookie = value.partition(b";")[0]

        headers = [(b"host", b"shop"), *([(b"cookie", cookie)] if cookie else [])]
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "headers": headers,
            "query_string": b"",
            "root_path": "",
        }
        await app({**scope, "http_version": "1.1", "scheme": "http", "server": ("shop", 80)}, receive, send)

    await get("/begin")
    assert cookie
    return lambda path: lambda: get(path)
