"""An origin server for tests: it says who it is, counts, waits, answers what it is told to, dies and comes back.

    async with Origin("a") as origin:            # a free port; origin.address is "127.0.0.1:…"
        origin.delay, origin.status = 0.05, 503
        await origin.kill()                      # refuses, and resets what was open
        await origin.revive()                    # on the same port

Every answer carries ``X-Server: <id>`` and the body ``<id>\n``. ``origin.gate`` holds answers back while it is closed.
HTTP/1.1 by h11, one asyncio protocol a connection.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import h11


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    """Names in lower case, in order."""
    body: bytes = b""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Response:
    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Gate:
    """Open: answers go out; closed: they wait."""

    _open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    async def wait(self) -> None:
        await self._open.wait()


class Origin:
    def __init__(self, name: str, *, delay: float = 0.0, status: int = 200, unix: str = "") -> None:
        self.name = name
        self.delay = delay
        self.status = status
        self.health_status = 200
        """The status for ``/healthz``, which is not counted, not delayed and not held back."""
        self.answer: Callable[[Request], Response] | None = None
        """Decides the whole answer, instead of ``status``."""
        self.gate = Gate()
        self.requests = 0
        """Requests answered or being answered, without ``/healthz``."""
        self.probes = 0
        self.active = 0
        self.active_max = 0
        self.connections_accepted = 0
        self.seen: deque[Request] = deque(maxlen=1000)
        """The last thousand requests."""
        self._unix = unix
        self._port = 0
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    @property
    def address(self) -> str:
        return f"unix:{self._unix}" if self._unix else f"127.0.0.1:{self._port}"

    @property
    def alive(self) -> bool:
        return self._server is not None

    @property
    def connections(self) -> int:
        return len(self._connections)

    async def __aenter__(self) -> Self:
        await self.revive()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.gate.open()
        await self.kill()

    async def kill(self) -> None:
        """As ``kill -9`` would: the port refuses, and every connection is reset."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for connection in list(self._connections):
            connection.reset()
        await asyncio.sleep(0)

    async def revive(self) -> None:
        loop = asyncio.get_running_loop()
        if self._server is None and self._unix:
            self._server = await loop.create_unix_server(lambda: _Connection(self), self._unix)
        elif self._server is None:
            self._server = await loop.create_server(
                lambda: _Connection(self), "127.0.0.1", self._port, reuse_address=True, backlog=1024
            )
            self._port = self._server.sockets[0].getsockname()[1]

    async def reply(self, request: Request) -> Response:
        """What to answer, after the delay and the gate; counts."""
        if request.target == "/healthz":
            self.probes += 1
            return Response(self.health_status, b"healthy\n")
        self.requests += 1
        self.active += 1
        self.active_max = max(self.active_max, self.active)
        self.seen.append(request)
        try:
            if self.delay:
                await asyncio.sleep(self.delay)
            await self.gate.wait()
        finally:
            self.active -= 1
        return self.answer(request) if self.answer else Response(self.status, f"{self.name}\n".encode())


class _Connection(asyncio.Protocol):
    """One connection: requests are answered one after another, as they were sent."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._http = h11.Connection(h11.SERVER)
        self._transport: asyncio.Transport | None = None
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._origin._connections.add(self)
        self._origin.connections_accepted += 1
        if not self._origin.alive:
            self.reset()

    def connection_lost(self, exc: Exception | None) -> None:
        self._origin._connections.discard(self)
        if self._answering is not None:
            self._answering.cancel()

    def data_received(self, data: bytes) -> None:
        self._http.receive_data(data)
        if self._answering is None:
            self._advance()

    def eof_received(self) -> bool:
        return self._answering is not None

    def reset(self) -> None:
        """RST, as a dying process leaves it."""
        if self._transport is None:
            return
        opened = self._transport.get_extra_info("socket")
        if opened is not None and opened.family != socket.AF_UNIX:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._transport.abort()

    def _advance(self) -> None:
        try:
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA and self._http.they_are_waiting_for_100_continue:
                    self._write(h11.InformationalResponse(status_code=100, headers=[]))
                elif event in (h11.NEED_DATA, h11.PAUSED):
                    return
                elif isinstance(event, h11.Request):
                    self._head, self._body = event, bytearray()
                elif isinstance(event, h11.Data):
                    self._body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    self._answering = asyncio.get_running_loop().create_task(self._answer())
                    return
                else:
                    self._close()
                    return
        except h11.RemoteProtocolError:
            self._close()

    async def _answer(self) -> None:
        assert self._head is not None
        request = Request(
            self._head.method.decode(),
            self._head.target.decode("latin-1"),
            tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in self._head.headers),
            bytes(self._body),
        )
        response = await self._origin.reply(request)
        fields = [("X-Server", self._origin.name), ("Content-Length", str(len(response.body))), *response.headers]
        self._write(h11.Response(status_code=response.status, headers=fields))
        if request.method != "HEAD":
            self._write(h11.Data(data=response.body))
        self._write(h11.EndOfMessage())
        self._answering = None
        if self._http.our_state is h11.MUST_CLOSE:
            self._close()
        else:
            self._http.start_next_cycle()
            self._advance()

    def _write(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data and self._transport is not None:
            self._transport.write(data)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()
