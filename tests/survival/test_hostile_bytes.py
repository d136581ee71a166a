"""Hostile bytes against the running process, on both sides: no crash, no leak, no smuggled request, no poisoned reply.

What the origin receives is compared with what a strict reading of the client's bytes allows, what the client receives
with a strict reading of the origin's. Twenty seconds a side in every test run; STEELYARD_HOSTILE_SECONDS lengthens it.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from zlib import crc32

import h11

from tests.survival import hostile, strict
from tests.survival.process import Running, write

SECONDS = float(os.environ.get("STEELYARD_HOSTILE_SECONDS", "20"))
SEED = int(os.environ.get("STEELYARD_HOSTILE_SEED", "0")) or time.time_ns() % (1 << 32)
LANES = 8
"""Attackers at once. Each speaks of names of its own, so that what the origin saw can be told apart."""
SERVICE = """
[services.www.timeouts]
header = "2s"
idle = "2s"
body = "2s"
response = "500ms"
stall = "500ms"
"""


class Recorder(asyncio.Protocol):
    """An origin that reads strictly, notes everything and answers every request."""

    def __init__(self, seen: list[strict.Seen], faults: list[str]) -> None:
        self._seen = seen
        self._faults = faults
        self._raw = b""
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=strict.LIMIT)
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._raw += data
        self._http.receive_data(data)
        try:
            self._read()
        except h11.RemoteProtocolError as error:
            self._faults.append(f"the origin was sent what it must refuse: {error}: {self._raw[-2000:]!r}")
            self._transport.abort()

    def _read(self) -> None:
        while (event := self._http.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Request):
                self._head, self._body = event, b""
                head = self._raw.partition(b"\r\n\r\n")[0]
                self._faults += [f"forwarded {fault} in {head!r}" for fault in strict.head_faults(head)]
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, h11.EndOfMessage):
                self._seen.append(strict.Seen(self._head.method, strict.normal(self._head.target), self._body))
                self._answer()
            else:
                return
        if self._http.they_are_waiting_for_100_continue:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _answer(self) -> None:
        response = h11.Response(status_code=200, headers=[("Content-Length", "2")])
        out = self._http.send(response) or b""
        if self._head.method != b"HEAD":
            out += self._http.send(h11.Data(data=b"ok")) or b""
        out += self._http.send(h11.EndOfMessage()) or b""
        self._transport.write(out)
        self._raw = self._http.trailing_data[0]
        if self._http.our_state is h11.MUST_CLOSE:
            self._transport.close()
        else:
            self._http.start_next_cycle()


async def send(address: str, parts: list[bytes]) -> bytes:
    """What comes back for these bytes until the other side closes; the client's end is half-closed after them."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    received = b""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(20):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
            writer.write_eof()
            while data := await reader.read(65536):
                received += data
    writer.close()
    return received


async def lanes(seconds: float, one: Callable[[Random, str], object]) -> int:
    """Run one round after another in every lane until the time is over; returns how many."""
    end, rounds = time.monotonic() + seconds, 0

    async def lane(number: int) -> None:
        nonlocal rounds
        rng = Random(f"{SEED}.{number}")
        while time.monotonic() < end:
            # With a token, so that no mutation of one name makes another.
            await one(rng, f"l{number}r{rounds}k{rng.getrandbits(48):012x}")  # type: ignore[misc]
            rounds += 1

    async with asyncio.TaskGroup() as group:
        for number in range(LANES):
            group.create_task(lane(number))
    return rounds


def told(faults: list[str]) -> str:
    """The first faults, with long runs of one byte cut, and the seed that makes them again."""
    shown = [re.sub(r"(x{8})x+", r"\1…", fault) for fault in faults[:5]]
    return f"STEELYARD_HOSTILE_SEED={SEED}: {len(faults)} faults:\n" + "\n".join(shown)


async def test_nothing_hostile_reaches_the_origin(tmp_path: Path) -> None:
    seen: list[strict.Seen] = []
    faults: list[str] = []
    server = await asyncio.get_running_loop().create_server(lambda: Recorder(seen, faults), "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with Running(write(tmp_path / "x.toml", {"a": address}, service=SERVICE)) as running:
        memory: list[int] = []

        async def attack(rng: Random, name: str) -> None:
            count = rng.choice((1, 1, 2, 3))
            data = b"".join(hostile.mutate(rng, hostile.request(rng, f"{name}n{number}.")) for number in range(count))
            await send(running.address, hostile.pieces(rng, data))
            got = [request for request in seen if f"{name}n".encode() in request.target]
            with suppress(strict.Unjudged):  # sent all the same: each head that reached the origin was judged there
                allowed = strict.requests(data)
                rest = iter(allowed)
                if not all(request in rest for request in got):
                    faults.append(f"{data!r}: the origin got {got}, a strict reading allows {allowed}")
            for request in got:
                seen.remove(request)
            if not memory:
                memory.append(running.memory())

        rounds = await lanes(SECONDS, attack)
        assert not faults, told(faults)
        assert rounds > 100
        assert running.process.returncode is None
        assert running.memory() - memory[0] < 64 << 20, "memory grew"
        assert (
            b"200"
            in (await send(running.address, [b"GET /after HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"]))[:15]
        )
        print(f"\n{rounds} hostile connections, seed {SEED}, {len(seen)} of them with a name mutated away")
    server.close()


async def test_nothing_hostile_reaches_the_client(tmp_path: Path) -> None:
    replies: dict[bytes, bytes] = {}
    faults: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer each request with the bytes prepared for its target; stay open: what is left over could poison."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                data = replies[head.split(b" ")[1]]
                writer.write(data)
                await writer.drain()
                if crc32(data) % 3 == 0:
                    break
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    pool = "passive = { enabled = false }"
    async with Running(write(tmp_path / "x.toml", {"a": address}, service=SERVICE, pool=pool)) as running:

        async def attack(rng: Random, name: str) -> None:
            mark = f"<{name}>".encode()
            data = hostile.mutate(rng, hostile.reply(rng, mark))
            target = f"/{name}".encode()
            replies[target] = data
            got = await send(running.address, [b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target])
            del replies[target]
            allowed, found = strict.reply(data), strict.reply(got)
            if found is None or found[0] in (502, 503, 504):
                return  # cut short, or refused: never mistaken for an answer
            # Every answer carries a mark of its own, so another's answer would differ too.
            if found != allowed:
                faults.append(f"{data!r}: the client got {found}, a strict reading allows {allowed}")

        memory = running.memory()
        rounds = await lanes(SECONDS, attack)
        assert not faults, told(faults)
        assert rounds > 100
        assert running.process.returncode is None
        assert running.memory() - memory < 64 << 20, "memory grew"
        print(f"\n{rounds} hostile replies, seed {SEED}")
    server.close()
