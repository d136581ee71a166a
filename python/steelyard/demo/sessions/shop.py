"""The shop, a server process: ``python -m steelyard.demo.sessions.shop --id a --store redis://…`` prints its port.

An application as anybody would write it; all that is special is its session store. It serves until its standard input
ends. ``PUT`` because a basket is a set: an article put twice is there once, so the request may be sent again (RFC 9110
§9.2.2).
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from steelyard.sessions import SessionMiddleware, Store, open_store


async def health(_: Request) -> PlainTextResponse:
    return PlainTextResponse("ok\n")


async def login(request: Request) -> JSONResponse:
    session = request.scope["session"]
    session.login(request.path_params["user"])
    session["basket"] = []
    return _page(request)


async def look(request: Request) -> JSONResponse:
    return _page(request)


async def put(request: Request) -> JSONResponse:
    session, article = request.scope["session"], int(request.path_params["article"])
    if session.principal and article not in session["basket"]:
        session["basket"].append(article)
    return _page(request)


async def sent(request: Request) -> JSONResponse:
    """How many bytes a replicated store sent to the other servers."""
    node = getattr(request.app.state.store, "node", None)
    return JSONResponse({"bytes": node.stats().bytes_sent if node else 0})


def _page(request: Request) -> JSONResponse:
    """Whose session it is and what is in the basket; nobody's after a logout."""
    session = request.scope["session"]
    return JSONResponse(
        {"user": session.principal, "basket": session.get("basket", [])}, headers={"X-Server": request.app.state.id}
    )


def application(server_id: str, store: Store) -> Starlette:
    routes = [
        Route("/healthz", health),
        Route("/sent", sent),
        Route("/", look),
        Route("/login/{user}", login, methods=["POST"]),
        Route("/basket/{article:int}", put, methods=["PUT"]),
    ]
    app = Starlette(routes=routes)
    app.add_middleware(SessionMiddleware, store=store, insecure=True)  # type: ignore[arg-type]
    app.state.id, app.state.store = server_id, store
    return app


async def serve(server_id: str, url: str, port: int) -> None:
    """Serve on loopback until standard input ends."""
    loop = asyncio.get_running_loop()
    store = open_store(url)
    connector = await asyncio.to_thread(store.connector)  # a replicated store joins the others and catches up first
    listener = socket.create_server(("127.0.0.1", port), backlog=512)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio sets it only on sockets it made itself
    config = uvicorn.Config(application(server_id, store), log_level="error", access_log=False, timeout_keep_alive=60)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    print(listener.getsockname()[1], flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    server.should_exit = server.force_exit = True
    await serving
    await asyncio.to_thread(connector.close)


def main() -> None:
    """The child process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--id", required=True)
    parser.add_argument("--store", required=True)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    asyncio.run(serve(given.id, given.store, given.port))


if __name__ == "__main__":
    main()
