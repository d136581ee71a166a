"""The users of the shop, a process: each logs in, clicks, and remembers what the shop acknowledged.

``python -m steelyard.demo.sessions.users --port N --users 500`` prints a JSON line every quarter of a second with what
they noticed since the last. When its standard input ends, every user looks at the whole basket once more (the audit),
and the last line follows. The users share a set of keep-alive connections, as those behind one gateway do; what tells
them apart is their cookies.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any

from steelyard.demo.load import Fault
from steelyard.demo.sessions.record import Record

PATIENCE_S = 10.0
CONNECTIONS = 32
WRITE_EVERY = 3
"""One click in this many puts something into the basket."""
BASKET = 40
"""Who has so many articles checks them once more and begins anew."""
AUDIT_TRIES = 30
FAULTS = (OSError, EOFError, TimeoutError, ValueError, KeyError, Fault)

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Browser:
    """Connections to the shop, kept open and used in turn."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._free: asyncio.LifoQueue[Stream | None] = asyncio.LifoQueue()
        for _ in range(CONNECTIONS):
            self._free.put_nowait(None)

    async def ask(self, method: str, target: str, cookies: dict[str, str]) -> tuple[str, dict[str, Any], float]:
        """One request and its answer: (who answered, the page, seconds). ``cookies`` changes as the answer says."""
        stream, kept = await self._free.get(), None
        try:
            started = time.perf_counter()
            async with asyncio.timeout(PATIENCE_S):
                stream = stream or await asyncio.open_connection("127.0.0.1", self.port)
                server, page, goes_on = await _exchange(stream, method, target, cookies)
            kept = stream if goes_on else None
            return server, page, time.perf_counter() - started
        finally:
            if kept is None and stream is not None:
                stream[1].close()
            self._free.put_nowait(kept)


async def _exchange(
    stream: Stream, method: str, target: str, cookies: dict[str, str]
) -> tuple[str, dict[str, Any], bool]:
    reader, writer = stream
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    fields = ["Host: shop", "Content-Length: 0", *([f"Cookie: {cookie}"] if cookie else [])]
    writer.write("\r\n".join([f"{method} {target} HTTP/1.1", *fields, "", ""]).encode("latin-1"))
    status_line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines if line)]
    found = dict(pairs)
    body = await reader.readexactly(int(found["content-length"]))
    status = int(status_line.split(" ")[1])
    if status >= 400:
        raise Fault(f"status {status}: {body[:60].decode('latin-1').strip()}")
    for name, value in pairs:
        if name == "set-cookie":
            _keep(cookies, value)
    return found.get("x-server", "?"), json.loads(body), found.get("connection", "").lower() != "close"


def _keep(cookies: dict[str, str], field: str) -> None:
    """Do what a Set-Cookie field says (RFC 6265 §5.3, as far as a shop uses it)."""
    try:
        parsed = SimpleCookie(field)
    except CookieError as error:
        raise Fault(f"bad Set-Cookie: {error}") from None
    for name, morsel in parsed.items():
        if morsel["max-age"] == "0":
            cookies.pop(name, None)
        else:
            cookies[name] = morsel.value


@dataclass(slots=True)
class User:
    """One user, who never does two things at once, so what was acknowledged must be there at the next look."""

    name: str
    browser: Browser
    record: Record
    cookies: dict[str, str] = field(default_factory=dict)
    acknowledged: set[int] = field(default_factory=set)
    next_article: int = 0
    server: str = "?"
    logged_in: bool = False

    async def arrive(self) -> None:
        """The first login, as often as it takes."""
        while not self.logged_in:
            try:
                await self.log_in()
                self.record.logged_in += 1
            except FAULTS as error:
                self.record.clicks.failed(str(error) or type(error).__name__)
                await asyncio.sleep(0.1)

    async def stay(self, arriving: asyncio.Future[list[None]], pause_s: float) -> None:
        """Click for ever, once everybody is there."""
        await asyncio.shield(arriving)
        while True:
            await asyncio.sleep(random.expovariate(1 / pause_s))
            try:
                await self.click()
            except FAULTS as error:
                self.record.clicks.failed(str(error) or type(error).__name__)

    async def audit(self) -> None:
        """The last look at everything that was acknowledged."""
        for _ in range(AUDIT_TRIES):
            try:
                if self.logged_in:
                    await self.look()
                self.record.audited += 1
                return
            except FAULTS as error:
                self.record.clicks.failed(str(error) or type(error).__name__)
                await asyncio.sleep(0.1)

    async def click(self) -> None:
        if not self.logged_in:
            await self.log_in()
        elif len(self.acknowledged) >= BASKET:
            await self.look()
            await self.log_in()
        elif random.randrange(WRITE_EVERY) == 0:
            await self.put()
        else:
            await self.look()

    async def log_in(self) -> None:
        """A new session with an empty basket."""
        self.logged_in = False
        self.cookies.pop("session", None)
        self.acknowledged.clear()
        await self._ask("POST", f"/login/{self.name}")
        self.logged_in = True

    async def look(self) -> None:
        """Read the session and compare the basket with what was acknowledged."""
        was = self.server
        self._compare(await self._ask("GET", "/"), was)

    async def put(self) -> None:
        """Write to the session; after a fault the same article again, until it is acknowledged."""
        was, article = self.server, self.next_article
        page = await self._ask("PUT", f"/basket/{article}")
        self._compare(page, was)
        if self.logged_in and article in page["basket"]:
            self.acknowledged.add(article)
            self.next_article += 1
            self.record.writes += 1

    async def _ask(self, method: str, target: str) -> dict[str, Any]:
        server, page, seconds = await self.browser.ask(method, target, self.cookies)
        self.record.clicks.answered(server, seconds)
        self.server = server
        return page

    def _compare(self, page: dict[str, Any], server: str) -> None:
        """Count what is missing, and whether the shop still knows the user, whom ``server`` answered last."""
        missing = self.acknowledged.difference(page["basket"])
        self.record.lost_writes += len(missing)
        self.acknowledged -= missing
        if page["user"] != self.name:
            self.record.logged_out(server)
            self.logged_in = False


async def run(port: int, users: int, rate: float) -> None:
    """Everybody arrives, then everybody clicks until standard input ends, then everybody checks."""
    record, browser = Record(), Browser(port)
    people = [User(f"user{number}", browser, record) for number in range(users)]
    reporting = asyncio.create_task(_report(record))
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    arriving = asyncio.gather(*(user.arrive() for user in people))
    clicking = [asyncio.create_task(user.stay(arriving, users / rate)) for user in people]
    await reader.read()
    for task in clicking:
        task.cancel()
    arriving.cancel()
    await asyncio.gather(arriving, *clicking, return_exceptions=True)
    await asyncio.gather(*(user.audit() for user in people))
    reporting.cancel()
    _print(record)


async def _report(record: Record) -> None:
    while True:
        await asyncio.sleep(0.25)
        _print(record)


def _print(record: Record) -> None:
    """Print the part since the last one and begin a new part."""
    print(json.dumps(record.as_json()), flush=True)
    record.clear()


def main() -> None:
    """The child process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--rate", type=float, default=250.0, help="clicks per second of all users together")
    given = parser.parse_args()
    asyncio.run(run(given.port, given.users, given.rate))


if __name__ == "__main__":
    main()
