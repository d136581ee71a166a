"""Nothing that is refused stays silent: counted, told once in an interval, with real hostile requests."""

from __future__ import annotations

import asyncio
import logging

import pytest

from steelyard.control import supervisor
from steelyard.status import Event
from tests.functional.cluster import PROBE, Running, balanced
from tests.support.waiting import until

HOSTILE = {
    "bare-line-feed": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    "length-and-chunked": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "missing-host": b"GET / HTTP/1.1\r\n\r\n",
}


async def attack(cluster: Running, reason: str, times: int = 1) -> None:
    """So many hostile requests, each answered before this returns."""
    host, port = cluster.address.split(":")
    for _ in range(times):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(HOSTILE[reason])
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
        writer.close()


async def counted(cluster: Running) -> dict[str, int]:
    [service] = (await cluster.balancer.status()).services
    return service.rejected


async def test_each_reason_is_one_line_an_interval(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "INTERVAL", 3600.0)
    caplog.set_level(logging.INFO, "steelyard")
    async with balanced("a") as cluster:
        await attack(cluster, "missing-host", 7)
        await attack(cluster, "bare-line-feed")
        await until(lambda: counted(cluster), "the counting")
        assert not _told(caplog), "the interval is not over"
    assert sorted(_told(caplog)) == [
        "refused www: bare-line-feed once, 1 since the start",
        "refused www: missing-host 7 times, 7 since the start",
    ], "what the last interval brought is told at the end"


async def test_every_interval_tells_what_is_new_and_says_the_total(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "INTERVAL", 0.01)
    caplog.set_level(logging.INFO, "steelyard")
    async with balanced("a") as cluster:
        events = cluster.balancer.events()
        await attack(cluster, "length-and-chunked")
        first = await _next_refusal(events)
        assert (first.service, first.pool, first.server) == ("www", "", "")
        assert first.message == "length-and-chunked once, 1 since the start"
        await attack(cluster, "missing-host")
        assert (await _next_refusal(events)).message == "missing-host once, 1 since the start"
        await attack(cluster, "length-and-chunked")
        assert (await _next_refusal(events)).message == "length-and-chunked once, 2 since the start"
        await cluster.ask(20)
    assert len(_told(caplog)) == 3, "requests in order are told by nobody"


async def test_without_admin_api_health_is_counted_from_the_start() -> None:
    async with balanced("ab", probe=PROBE) as cluster:
        await cluster.origins["b"].kill()
        await cluster.until_eligible("a")
        measures = await cluster.balancer.measures()
        assert measures.health_changes["web", "a"] == {"up": 1}
        assert measures.health_changes["web", "b"]["up"] == 1
        assert sum(measures.health_changes["web", "b"].values()) == 2, "down by its probe, or taken out by traffic"
        assert measures.events["server-up"] == 2
        await cluster.balancer.remove_server("web", "b")

        async def forgotten() -> bool:
            return ("web", "b") not in (await cluster.balancer.measures()).health_changes

        await until(forgotten, "the removed server being forgotten")


def _told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("refused")]


async def _next_refusal(events: object) -> Event:
    async with asyncio.timeout(30):
        async for event in events:  # type: ignore[attr-defined]
            if event.kind == "refused":
                assert isinstance(event, Event)
                return event
    raise AssertionError("the events ended")
