"""The API as a real server on loopback: port 0, events as they happen, an orderly end, bind errors as sentences."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket

import httpx
import pytest

from steelyard.admin import server
from steelyard.admin.server import AdminServer
from steelyard.errors import PlaneError, Refused
from steelyard.status import Event
from tests.unit.admin.fake import FakeBalancer

DOWN = Event(at=1.0, kind="server-down", pool="web", server="a", message="refused")


async def test_it_listens_where_it_says_and_leaves_signals_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    async with AdminServer(FakeBalancer(), "127.0.0.1:0") as admin:
        assert signal.getsignal(signal.SIGINT) is before
        async with httpx.AsyncClient(base_url=f"http://{admin.address}") as client:
            answer = await client.get("/v1/status")
            assert answer.json()["version"]
            assert "server" not in answer.headers
    with pytest.raises(ConnectionRefusedError), socket.create_connection(tuple_of(admin.address)):
        pass


async def test_events_are_streamed_and_end_with_the_server() -> None:
    balancer = FakeBalancer()
    async with (
        AdminServer(balancer, "127.0.0.1:0") as admin,
        httpx.AsyncClient(base_url=f"http://{admin.address}", timeout=10) as client,
        client.stream("GET", "/v1/events") as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        assert (await anext(lines)).startswith(":")
        balancer.tell(DOWN)
        seen = [line async for line in _until_data(lines)]
        assert "event: server-down" in seen
        assert Event.model_validate_json(seen[-1].removeprefix("data: ")) == DOWN
        balancer.tell(None)
        assert [line async for line in lines if line] == []


async def test_a_follower_does_not_hold_up_the_end() -> None:
    async with asyncio.timeout(5):
        async with AdminServer(FakeBalancer(), "127.0.0.1:0") as admin:
            client = httpx.AsyncClient(base_url=f"http://{admin.address}")
            following = client.stream("GET", "/v1/events")
            await following.__aenter__()
        await client.aclose()


async def test_a_taken_address_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(PlaneError, match=f"cannot listen on {listen}: Address already in use.*--admin off"):
            async with AdminServer(FakeBalancer(), listen):
                pass


def test_an_open_address_needs_a_token() -> None:
    with pytest.raises(Refused, match="no token is set"):
        AdminServer(FakeBalancer(), "0.0.0.0:9900")
    AdminServer(FakeBalancer(), "0.0.0.0:9900", b"token")
    AdminServer(FakeBalancer(), "[::1]:9900")


async def test_every_address_is_reached_by_both_families() -> None:
    async with AdminServer(FakeBalancer(), "[::]:0", b"token") as admin:
        port = admin.address.rpartition(":")[2]
        for host in ("127.0.0.1", "[::1]"):
            async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
                assert (await client.get("/healthz")).status_code == 200, host


async def test_without_ipv6_every_address_is_that_of_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.socket

    def without(family: int = socket.AF_INET, *words: int, **more: object) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, *words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(server.socket, "socket", without)
    bound = await server._bind("[::]:0")
    monkeypatch.undo()
    assert bound.getsockname()[0] == "0.0.0.0"
    bound.close()


def tuple_of(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


async def _until_data(lines):  # type: ignore[no-untyped-def]
    async for line in lines:
        yield line
        if line.startswith("data:"):
            return
