"""Every hostile message of ``tests/hostile/*.json`` against the real engine, and what reaches the other side.

The Rust tests replay the same tables against the parser alone. Here the client's answer, the fate of its connection and
the bytes that the origin received are judged; the origin reads with h11, which others wrote.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import h11
import pytest

from steelyard import Balancer
from tests.functional.cluster import configuration

TABLES = Path(__file__).parent.parent / "hostile"
Case = dict[str, Any]
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
WAIT_S = 20


def cases(file: str, keep: Callable[[Case], bool]) -> list[Any]:
    table = json.loads((TABLES / file).read_text())["cases"]
    return [pytest.param(case, id=case["name"]) for case in table if keep(case)]


class Origin:
    """Reads requests with h11, keeps their bytes, answers each with ``reply``; then closes where ``closes`` says so."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.reply = REPLY
        self.closes = False
        self.early = False
        """Answer before the body was read."""
        self.address = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while await self._one(reader, writer) and not self.closes:
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        http, raw = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 17), b""
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                data = await reader.read(65536)
                raw += data
                http.receive_data(data)
            elif isinstance(event, h11.ConnectionClosed):
                return False
            elif isinstance(event, h11.EndOfMessage) or (self.early and isinstance(event, h11.Request)):
                self.seen.append(raw)
                writer.write(self.reply)
                await writer.drain()
                return not http.trailing_data[0]


@asynccontextmanager
async def behind() -> AsyncIterator[tuple[str, Origin]]:
    """The address of a balancer and the origin behind it."""
    origin = Origin()
    server = await asyncio.start_server(origin.serve, "127.0.0.1", 0)
    origin.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    config = configuration([{"id": "a", "address": origin.address}], passive={"enabled": False})
    async with Balancer(config) as balancer:
        yield balancer.addresses["www"], origin
    server.close()


async def send(address: str, data: bytes, method: str = "GET", answers: int = 1) -> list[tuple[int, bytes, bytes]]:
    """Status, head and body of so many final answers; raises ``h11.RemoteProtocolError`` for one that is cut short."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    http, got, raw = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 17), [], b""
    writer.write(data)
    try:
        async with asyncio.timeout(WAIT_S):
            for _ in range(answers):
                # What h11 believes of the request matters only for the body of the answer.
                fields = [("Host", "x"), ("Content-Length", "0")]
                http.send(h11.Request(method=method, target="/", headers=fields))
                http.send(h11.EndOfMessage())
                status, body, done = 0, b"", False
                while not done:
                    match http.next_event():
                        case h11.NEED_DATA:
                            raw += (received := await _read(reader))
                            http.receive_data(received)
                        case h11.Response(status_code=status):
                            head = raw
                        case h11.Data(data=part):
                            body += bytes(part)
                        case h11.EndOfMessage() | h11.ConnectionClosed():
                            done = True
                got.append((status, head, body))
                if http.our_state is h11.DONE and http.their_state is h11.DONE:
                    http.start_next_cycle()
    finally:
        writer.close()
    return got


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(65536)
    except ConnectionError:
        return b""


async def refused(address: str, data: bytes) -> tuple[int, bytes]:
    """Status and all the bytes of the answer, after which the connection must be closed."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    received = b""
    async with asyncio.timeout(WAIT_S):
        with suppress(ConnectionError):
            writer.write(data)
            await writer.drain()
        while part := await _read(reader):
            received += part
    writer.close()
    return int(received.split(b" ", 2)[1]), received


async def cut_short(address: str, request: bytes) -> bool:
    """Whether the answer breaks off, or is a 502 because the fault was seen before anything had gone to the client."""
    try:
        [(status, _, _)] = await send(address, request)
    except h11.RemoteProtocolError:
        return True
    return status == 502


def check_text(case: Case, text: str) -> None:
    folded = text.lower()
    for part in case.get("present", ()):
        assert part.lower() in folded, f"{part!r} is missing in {text!r}"
    for part in case.get("absent", ()):
        assert part.lower() not in folded, f"{part!r} stands in {text!r}"


async def test_hostile_requests() -> None:
    faults = []
    async with behind() as (address, origin):
        for param in cases("requests.json", lambda case: case["by"] == "parser"):
            [case] = param.values
            origin.seen.clear()
            data = case["bytes"].encode("latin-1")
            try:
                if case["status"] == 200:
                    method = data.lstrip().split(b" ")[0].decode()
                    [(status, _, _)] = await send(address, data, "HEAD" if method == "HEAD" else "GET")
                    assert status == 200, status
                    [received] = origin.seen
                    check_text(case, received.decode("latin-1"))
                else:
                    status, _ = await refused(address, data)
                    assert status == case["status"], status
                    assert not any(b"\r\n\r\n" in received for received in origin.seen), origin.seen
            except (AssertionError, ValueError, IndexError, h11.RemoteProtocolError, TimeoutError) as error:
                faults.append(f"row {case['row']} {case['name']}: {type(error).__name__} {error}"[:600])
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "case", cases("requests.json", lambda case: case["by"] == "connection" and case["row"] in (21, 24, 25))
)
async def test_what_follows_a_request_is_the_next_request(case: Case) -> None:
    async with behind() as (address, origin):
        answers = await send(address, case["bytes"].encode("latin-1"), answers=2)
        assert [status for status, _, _ in answers] == [200, 200]
        assert len(origin.seen) == 2
        assert b"/second" in origin.seen[1] or b"/held" in origin.seen[1]
        assert b"/second" not in origin.seen[0]
        assert b"/held" not in origin.seen[0]


async def test_an_early_final_reply_leaves_no_half_request_behind() -> None:
    """Either the connection closes, or the body that was announced is taken from it before the next request."""
    [param] = cases("requests.json", lambda case: case["name"] == "expectation-early-final-reply")
    [case] = param.values
    async with behind() as (address, origin):
        origin.early, origin.closes = True, True
        origin.reply = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(WAIT_S):
            writer.write(case["bytes"].encode("latin-1"))
            first = await reader.readuntil(b"\r\n\r\n")
            assert first.startswith(b"HTTP/1.1 413 "), first
            with suppress(ConnectionError):
                writer.write(b"helloGET /second HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
                await writer.drain()
            rest = await _read(reader)
        writer.close()
    if rest:
        assert rest.startswith(b"HTTP/1.1 413 "), rest
        assert len(origin.seen) == 2
        assert origin.seen[1].startswith(b"GET /second "), origin.seen
    else:
        assert len(origin.seen) == 1


async def test_a_reply_of_ours_before_the_body_closes_the_connection() -> None:
    [param] = cases("requests.json", lambda case: case["name"] == "reply-before-the-body")
    [case] = param.values
    async with Balancer(configuration([])) as balancer:
        status, received = await refused(balancer.addresses["www"], case["bytes"].encode("latin-1"))
    assert status == case["status"]
    assert b"retry-after:" in received.lower()
    assert b"connection: close" in received.lower()


async def test_hostile_replies() -> None:
    faults = []
    async with behind() as (address, origin):
        origin.closes = True
        for param in cases("replies.json", lambda case: True):
            [case] = param.values
            origin.reply = case["bytes"].encode("latin-1")
            request = f"{case['method']} / HTTP/1.1\r\nHost: a.example\r\n\r\n".encode()
            try:
                if case.get("aborted"):
                    assert await cut_short(address, request), "it looks complete"
                    continue
                [(status, head, body)] = await send(address, request, case["method"])
                assert status == case["status"], status
                if status != 502:
                    check_text(case, head.decode("latin-1"))
                    assert body == case["body"].encode("latin-1"), body
            except (AssertionError, KeyError, ValueError, h11.RemoteProtocolError, TimeoutError) as error:
                faults.append(f"{case['name']}: {type(error).__name__} {error}"[:600])
    assert not faults, "\n".join(faults)
