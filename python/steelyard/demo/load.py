"""The load of the demonstration, a process of its own: clients that click, wait for the answer and click again.

``python -m steelyard.demo.load --port N --clients 24`` prints one JSON line every quarter of a second with what it saw
since the last, until its standard input ends. A failure is anything that a user would notice: a refused or broken
connection, a status of 400 or above, an answer that is cut short or takes longer than ten seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time

from steelyard.demo.tally import Tally

PATIENCE_S = 10.0
REQUEST = b"GET / HTTP/1.1\r\nHost: demo\r\nUser-Agent: steelyard-demo\r\n\r\n"


class Fault(Exception):
    """What a user would have noticed."""


async def click(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, bool]:
    """One request and its whole answer: (who answered, whether the connection goes on)."""
    writer.write(REQUEST)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status_line, *lines = head.split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(fields["content-length"]))
    status = int(status_line.split(" ")[1])
    if status >= 400:
        raise Fault(f"status {status}: {body[:60].decode('latin-1').strip()}")
    return fields.get("x-server", "?"), fields.get("connection", "").lower() != "close"


async def client(port: int, pause_s: float, tally: Tally) -> None:
    """One client for ever: keep-alive as browsers do, a new connection after a fault."""
    while True:
        writer = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            goes_on = True
            while goes_on:
                started = time.perf_counter()
                async with asyncio.timeout(PATIENCE_S):
                    server, goes_on = await click(reader, writer)
                tally.answered(server, time.perf_counter() - started)
                await asyncio.sleep(random.expovariate(1 / pause_s))
        except (OSError, EOFError, TimeoutError, ValueError, KeyError, Fault) as error:
            tally.failed(str(error) or type(error).__name__)
            await asyncio.sleep(0.05)
        finally:
            if writer is not None:
                writer.close()


async def run(port: int, clients: int, pause_s: float) -> None:
    """Run the clients and print a part of the tally every quarter of a second, until standard input ends."""
    tally = Tally()
    tasks = [asyncio.create_task(client(port, pause_s, tally)) for _ in range(clients)]
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    ended = asyncio.create_task(reader.read())
    while not ended.done():
        await asyncio.wait([ended], timeout=0.25)
        print(json.dumps(tally.as_json()), flush=True)
        tally.clear()
    for task in tasks:
        task.cancel()


def main() -> None:
    """The child process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--pause-ms", type=float, default=10.0)
    given = parser.parse_args()
    asyncio.run(run(given.port, given.clients, given.pause_ms / 1000))


if __name__ == "__main__":
    main()
