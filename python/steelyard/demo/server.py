"""A small HTTP server for the demonstration, run as a process of its own so that it can really be killed.

``python -m steelyard.demo.server --id a --delay-ms 5 [--port N]`` prints its port as one line and serves until its
standard input ends, so it never outlives the demonstration. It is a teaching aid: GET and HEAD, nothing more.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

PAGE = """<!doctype html><title>server {id}</title>
<body style="font:1.2em system-ui;margin:15vh auto;max-width:34em">
<h1>You reached server <b style="color:{colour}">{id}</b></h1>
<p>It takes {delay:g} ms to answer. Reload the page: the balancer chooses anew each time.</p>"""
COLOURS = ("#0b7285", "#c2255c", "#5f3dc4", "#2b8a3e")


class DemoServer(asyncio.Protocol):
    """One client connection: whole request heads in, one delayed answer each, keep-alive."""

    def __init__(self, server_id: str, delay_s: float, body: bytes) -> None:
        self.server_id = server_id
        self.delay_s = delay_s
        self.body = body
        self.buffer = b""
        self.answers: asyncio.Queue[bytes] = asyncio.Queue()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.worker = asyncio.get_running_loop().create_task(self._answer_in_turn())

    def connection_lost(self, exc: Exception | None) -> None:
        self.worker.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            request_line = self.buffer[:end].split(b"\r\n", 1)[0]
            self.buffer = self.buffer[end + 4 :]
            self.answers.put_nowait(request_line)

    async def _answer_in_turn(self) -> None:
        while True:
            request_line = await self.answers.get()
            method, target, _ = (request_line + b"  ").split(b" ", 2)
            if target != b"/healthz":
                await asyncio.sleep(self.delay_s)
            assert self.transport is not None
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
                b"X-Server: %s\r\nContent-Length: %d\r\n\r\n"
                % (self.server_id.encode(), len(self.body))
                + (b"" if method == b"HEAD" else self.body)
            )


async def serve(server_id: str, delay_ms: float, port: int) -> None:
    """Serve on loopback until standard input ends."""
    colour = COLOURS[sum(server_id.encode()) % len(COLOURS)]
    body = PAGE.format(id=server_id, colour=colour, delay=delay_ms).encode()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: DemoServer(server_id, delay_ms / 1000, body), "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    server.close()


def main() -> None:
    """The child process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--id", required=True)
    parser.add_argument("--delay-ms", type=float, default=5.0)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    asyncio.run(serve(given.id, given.delay_ms, given.port))


if __name__ == "__main__":
    main()
