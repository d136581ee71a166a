"""A small HTTP/1.1 client and a load of many keep-alive connections that counts every failure."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.support.waiting import until


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def server(self) -> str:
        """Who answered (``X-Server``); empty when nobody behind the balancer did."""
        return self.header("X-Server") or ""


class Client:
    """One keep-alive connection; opened again when the other side closed it between two requests."""

    def __init__(self, address: str, source: str = "127.0.0.1") -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._source = source
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def get(self, path: str = "/", **headers: str) -> Reply:
        return await self.request("GET", path, headers)

    async def request(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Reply:
        fields = {"Host": "test.example", **(headers or {})}
        if body:
            fields["Content-Length"] = str(len(body))
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        if self._streams is None:
            self._streams = await asyncio.open_connection(
                self._host.strip("[]"), self._port, local_addr=(self._source, 0)
            )
        reader, writer = self._streams
        writer.write(head.encode() + b"\r\n" + body)
        try:
            return await self._read(reader, method)
        except BaseException:
            self.close()
            raise

    async def _read(self, reader: asyncio.StreamReader, method: str) -> Reply:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status_line, *lines = head.rstrip("\r\n").split("\r\n")
        status = int(status_line.split(" ", 2)[1])
        headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
        reply = Reply(status, headers, b"")
        if method != "HEAD" and status not in (204, 304):
            reply = Reply(status, headers, await self._body(reader, reply))
        if (reply.header("Connection") or "").lower() == "close":
            self.close()
        return reply

    async def _body(self, reader: asyncio.StreamReader, reply: Reply) -> bytes:
        if (length := reply.header("Content-Length")) is not None:
            return await reader.readexactly(int(length))
        if (reply.header("Transfer-Encoding") or "").lower() != "chunked":
            return await reader.read()
        body = bytearray()
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readuntil(b"\r\n")
        return bytes(body)


@dataclass(slots=True)
class Load:
    """Requests without pause from many keep-alive connections, until the ``async with`` ends.

    ``failures`` holds a sentence for each request that did not get a 2xx; a connection that the balancer closes between
    two requests is no failure, one that ends inside a request is.
    """

    address: str
    connections: int = 50
    path: str = "/"
    done: int = 0
    servers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._run()) for _ in range(self.connections)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def more(self, requests: int) -> None:
        """Wait until so many more requests have ended."""
        wanted = self.done + requests
        await until(lambda: self.done >= wanted, f"{requests} more requests")

    async def _run(self) -> None:
        async with Client(self.address) as client:
            while True:
                try:
                    reply = await client.get(self.path)
                except (OSError, asyncio.IncompleteReadError) as error:
                    self.failures.append(f"{type(error).__name__}: {error}")
                    await asyncio.sleep(0.01)
                else:
                    self.servers[reply.server] += 1
                    if not 200 <= reply.status < 300:
                        self.failures.append(f"{reply.status}: {reply.body[:80]!r}")
                self.done += 1
