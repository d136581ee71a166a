"""The shell: names that move, storms of events, faults of ours, on a plane that records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from steelyard.control import supervisor as module
from steelyard.control.events import AdminStateRequested, ConfigChanged, ProbeOutcome, ProbesFinished
from steelyard.control.prepare import prepare
from steelyard.control.supervisor import Supervisor
from steelyard.discovery.lookup import Answer
from steelyard.discovery.resolver import Resolver
from steelyard.errors import PlaneError, Refused
from tests.support.origin import Origin
from tests.support.plane import RecordingPlane
from tests.support.waiting import until
from tests.unit.control.build import config


@asynccontextmanager
async def supervised(plane: RecordingPlane, event: ConfigChanged) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(plane)
    await supervisor.start(event)
    try:
        yield supervisor
    finally:
        await supervisor.stop(0)


async def test_a_name_is_followed_while_it_moves_and_fails() -> None:
    table = {"app.example": Answer((), 0.01, "app.example: no such name")}

    async def look_up(host: str) -> Answer:
        return table[host]

    plane = RecordingPlane()
    supervisor = Supervisor(plane, resolver=lambda deliver: Resolver(deliver, look_up))
    event = await prepare(config({"id": "a", "address": "app.example:80"}), supervisor.resolver, b"", "")
    await supervisor.start(event)
    assert (plane.servers()[0]["address"], plane.eligible()) == (None, [])
    for address in ("10.1.1.1", "10.1.1.2"):
        table["app.example"] = Answer((address,), 0.01)
        await until(lambda address=address: plane.servers()[0]["address"] == f"{address}:80")
    assert plane.eligible() == ["a"]
    events = supervisor.subscribe()
    table["app.example"] = Answer((), 0.01, "app.example: no such name")
    told = await anext(events)
    assert (told.kind, told.message) == ("server-unresolved", "app.example: no such name; the last good address stays")
    assert plane.servers()[0]["address"] == "10.1.1.2:80"
    await supervisor.stop(0)


async def test_a_storm_of_events_costs_few_snapshots_and_an_operator_does_not_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plane = RecordingPlane()
    names = [f"s{number}" for number in range(200)]
    async with Origin("any") as origin:
        members = [{"id": name, "address": origin.address} for name in names]
        probe = {"type": "tcp", "rise": 1, "fall": 1, "interval": "1h"}
        async with supervised(plane, ConfigChanged(config(*members, probe=probe))) as supervisor:
            monkeypatch.setattr(module, "PACE", 1e9)
            await supervisor.request(AdminStateRequested("web", "s0", "drain"))
            published = len(plane.snapshots)
            for name in names:
                supervisor.post(ProbesFinished((ProbeOutcome("web", name, False, "said"),)))
                await asyncio.sleep(0)
            await until(lambda: supervisor.state.pools["web"].servers["s199"].health.health == "down")
            assert len(plane.snapshots) == published, "the writer pauses"
            await supervisor.request(AdminStateRequested("web", "s1", "drain"))
            assert len(plane.snapshots) == published + 1
            assert plane.eligible() == []


async def test_a_fault_in_one_event_does_not_end_the_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    plane = RecordingPlane()
    async with supervised(plane, ConfigChanged(config("a", "b"))) as supervisor:
        supervisor.post(object())  # type: ignore[arg-type]
        await supervisor.request(AdminStateRequested("web", "a", "drain"))
        assert plane.eligible() == ["b"]
        with pytest.raises(KeyError):
            await supervisor.request(object())  # type: ignore[arg-type]
        await supervisor.request(AdminStateRequested("web", "a", "ready"))
        assert plane.eligible() == ["a", "b"]


async def test_a_request_that_is_refused_keeps_what_happened_meanwhile() -> None:
    plane = RecordingPlane()
    probe = {"type": "tcp", "rise": 1, "fall": 1, "interval": "1h"}
    async with Origin("any") as origin:
        members = [{"id": name, "address": origin.address} for name in "ab"]
        async with supervised(plane, ConfigChanged(config(*members, probe=probe))) as supervisor:
            plane.refuse = "no"
            supervisor.post(ProbesFinished((ProbeOutcome("web", "a", False, "said"),)))
            with pytest.raises(PlaneError):
                await supervisor.request(AdminStateRequested("web", "b", "drain"))
            plane.refuse = ""
            await until(lambda: plane.eligible() == ["b"])


async def test_requests_of_a_supervisor_that_ends_are_refused() -> None:
    plane = RecordingPlane()
    supervisor = Supervisor(plane)
    with pytest.raises(Refused):
        await supervisor.request(AdminStateRequested("web", "a", "drain"))
    await supervisor.start(ConfigChanged(config("a", "b")))
    asking = [asyncio.create_task(supervisor.request(AdminStateRequested("web", "a", "drain"))) for _ in range(3)]
    await supervisor.abandon()
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(result, Refused) for result in results)
