"""The library's door and the supervisor behind it, on a plane that records: what each verb leads to, and its errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from steelyard.balancer import Balancer
from steelyard.config.model import Config, Server
from steelyard.control import subscribers
from steelyard.errors import ConfigError, PlaneError, Refused, UnknownName
from steelyard.health.passive import Sample
from steelyard.status import Event
from tests.support.origin import Origin
from tests.support.plane import RecordingPlane
from tests.support.waiting import until
from tests.unit.control.build import config

QUICK: dict[str, Any] = {"type": "tcp", "interval": "20ms", "timeout": "5s", "rise": 1, "fall": 2}


@asynccontextmanager
async def running(configuration: Config) -> AsyncIterator[tuple[Balancer, RecordingPlane]]:
    plane = RecordingPlane()
    async with Balancer(configuration, plane=lambda _: plane) as balancer:
        yield balancer, plane


async def kinds(balancer: Balancer, stream: AsyncIterator[Event]) -> list[str]:
    await balancer.stop()
    return [f"{event.kind} {event.server}".strip() async for event in stream]


async def test_it_starts_and_stops() -> None:
    plane = RecordingPlane()
    balancer = Balancer(config("a", "b"), plane=lambda _: plane)
    with pytest.raises(Refused, match="not started"):
        await balancer.status()
    await balancer.start()
    assert plane.eligible() == ["a", "b"]
    assert balancer.addresses == {"www": "127.0.0.1:0"}
    with pytest.raises(Refused, match="started once"):
        await balancer.start()
    assert await balancer.stop() == 0
    await balancer.wait_stopped()
    assert (plane.accepting, plane.closed) == (False, True)
    assert await balancer.stop() == 0
    with pytest.raises(Refused, match="has stopped"):
        await balancer.drain("web", "a")
    with pytest.raises(Refused, match="has stopped"):
        await balancer.status()
    assert [event async for event in balancer.events()] == []


async def test_a_start_that_the_plane_refuses_leaves_nothing_behind() -> None:
    plane = RecordingPlane()
    plane.refuse = "127.0.0.1:80: permission denied"
    before = asyncio.all_tasks()
    balancer = Balancer(config("a", probe=QUICK), plane=lambda _: plane)
    with pytest.raises(PlaneError, match="permission denied"):
        await balancer.start()
    assert plane.closed
    assert asyncio.all_tasks() == before


async def test_the_verbs_return_once_the_plane_has_applied_them() -> None:
    async with running(config("a", "b")) as (balancer, plane):
        stream = balancer.events()
        plane.counts["web", "a"] = 1
        await balancer.drain("web", "a")
        assert plane.eligible() == ["b"]
        await balancer.ready("web", "a")
        assert plane.eligible() == ["a", "b"]
        await balancer.maintenance("web", "b")
        assert [server["keeps"] for server in plane.servers()] == [True, False]
        await balancer.ready("web", "b")
        await balancer.set_weight("web", "a", 9)
        assert [server["weight"] for server in plane.servers()] == [9, 1]
        await balancer.set_algorithm("web", "maglev")
        assert plane.snapshot["pools"][0]["algorithm"] == "maglev"
        await balancer.add_server("web", Server(id="c", address="10.0.0.3:80"))
        assert plane.eligible() == ["a", "b", "c"]
        assert [server.id for server in balancer.config.pools["web"].servers] == ["a", "b", "c"]
        assert balancer.config.pools["web"].servers[0].weight == 9
        await balancer.remove_server("web", "c")
        assert plane.eligible() == ["a", "b"]
        await until(lambda: len(plane.servers()) == 2)
        said = await kinds(balancer, stream)
    assert [word for word in said if word != "server-drained b"] == [
        "admin-changed a",
        "admin-changed a",
        "admin-changed b",
        "admin-changed b",
        "server-weighted a",
        "algorithm-changed",
        "server-added c",
        "server-drained c",
        "server-removed c",
        "stopping",
    ]


async def test_unknown_names_name_the_nearest() -> None:
    async with running(config("alpha", "beta")) as (balancer, _):
        with pytest.raises(UnknownName, match="did you mean 'alpha'"):
            await balancer.drain("web", "alhpa")
        with pytest.raises(UnknownName, match="did you mean 'web'"):
            await balancer.explain("wbe", "192.0.2.1")


async def test_what_the_plane_refuses_has_not_happened() -> None:
    async with running(config("a", "b")) as (balancer, plane):
        plane.refuse = "no"
        with pytest.raises(PlaneError):
            await balancer.drain("web", "a")
        with pytest.raises(PlaneError):
            await balancer.reload(config("a", "b", "c"))
        plane.refuse = ""
        status = await balancer.status()
        assert [(server.id, server.admin) for server in status.pools[0].servers] == [("a", "ready"), ("b", "ready")]
        await balancer.drain("web", "b")
        assert plane.eligible() == ["a"]


async def test_one_server_is_told_as_in_the_whole_status() -> None:
    async with running(config("a", "b")) as (balancer, _):
        await balancer.drain("web", "b")
        whole = (await balancer.status()).pools[0].servers
        assert tuple([await balancer.server("web", name) for name in ("a", "b")]) == whole
        with pytest.raises(UnknownName, match=r"no server of pool 'web' is called 'c'"):
            await balancer.server("web", "c")
        with pytest.raises(UnknownName, match=r"no pool is called 'wab'; did you mean 'web'\?"):
            await balancer.server("wab", "a")


async def test_what_nobody_asked_for_is_tried_again_when_the_plane_refuses() -> None:
    async with (
        Origin("a") as origin,
        running(config({"id": "a", "address": origin.address}, probe=QUICK)) as (
            balancer,
            plane,
        ),
    ):
        stream = balancer.events()
        plane.refuse = "not now"
        await origin.kill()
        assert (await anext(stream)).kind == "plane-failed"
        assert plane.eligible() == ["a"]
        plane.refuse = ""
        await until(lambda: plane.eligible() == [])


async def test_the_first_probes_are_in_before_the_listeners_open() -> None:
    async with Origin("a") as alive, Origin("b") as dead:
        await dead.kill()
        servers = [{"id": each.name, "address": each.address} for each in (alive, dead)]
        async with running(config(*servers, probe=QUICK)) as (balancer, plane):
            assert len(plane.snapshots) == 1
            assert plane.eligible() == ["a"]
            stream = balancer.events()
            await dead.revive()
            await until(lambda: plane.eligible() == ["a", "b"])
            await alive.kill()
            await until(lambda: plane.eligible() == ["b"])
            status = await balancer.status()
            [a, b] = status.pools[0].servers
            assert (a.health, b.health) == ("down", "up")
            assert a.why.startswith("down: connection refused since ")
            assert b.why.startswith("up since ")
            assert b.last_probe.startswith("connected in ")
            said = await kinds(balancer, stream)
        assert [word for word in said if word.endswith(" b")][-1] == "server-up b"
        assert "server-down a" in said


async def test_failures_of_traffic_take_a_server_out_and_time_brings_it_back() -> None:
    async with running(config("a", "b", passive={"failures": 2, "out_time": "50ms"})) as (balancer, plane):
        stream = balancer.events()
        plane.deliver((Sample("web", "a", 2, connect=2),))
        await until(lambda: plane.eligible() == ["b"])
        await until(lambda: plane.eligible() == ["a", "b"])
        assert await kinds(balancer, stream) == ["server-ejected a", "server-returned a", "stopping"]


async def test_drain_is_reported_when_nothing_runs_any_more() -> None:
    async with running(config("a", "b")) as (balancer, plane):
        plane.counts["web", "a"] = 2
        await balancer.drain("web", "a")
        assert not (await balancer.status()).pools[0].servers[0].drained
        stream = balancer.events()
        plane.counts["web", "a"] = 0
        event = await anext(stream)
        assert (event.kind, event.pool, event.server) == ("server-drained", "web", "a")
        assert (await balancer.status()).pools[0].servers[0].drained


async def test_explain_says_why_for_each_candidate() -> None:
    async with running(config("a", {"id": "spare", "backup": True})) as (balancer, _):
        explanation = await balancer.explain("web", "192.0.2.1")
        assert (explanation.server, explanation.reason) == ("a", "first")
        assert [(each.id, each.eligible, each.why) for each in explanation.candidates] == [
            ("a", True, "up since 0 s"),
            ("spare", False, "backup: primaries are up"),
        ]


async def test_a_reload_tells_what_changed_and_failures_change_nothing() -> None:
    async with running(config("a", "b")) as (balancer, plane):
        stream = balancer.events()
        changes = await balancer.reload(config("a", "b", "c"))
        assert changes.pools_changed[0].servers_added == ("c",)
        assert plane.eligible() == ["a", "b", "c"]
        with pytest.raises(Refused, match="not started from a file"):
            await balancer.reload()
        broken = Config.model_validate(
            {"pools": {"web": {"affinity": {"by": "cookie", "key": {"env": "STEELYARD_TEST_NO_SUCH_KEY"}}}}}
        )
        with pytest.raises(ConfigError, match=r"pools\.web\.affinity\.key"):
            await balancer.reload(broken)
        assert plane.eligible() == ["a", "b", "c"]
        said = await kinds(balancer, stream)
    assert said == ["server-added c", "reloaded", "reload-failed", "reload-failed", "stopping"]


async def test_a_slow_subscriber_loses_the_oldest_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscribers.EventStream.__init__, "__defaults__", (5,))
    async with running(config("a", "b")) as (balancer, _):
        slow, quick = balancer.events(), balancer.events()
        for weight in range(2, 10):
            await balancer.set_weight("web", "a", weight)
            assert (await anext(quick)).message.endswith(f"-> {weight}")
        lost = await anext(slow)
        assert (lost.kind, lost.message) == ("events-lost", "3 events were lost: read faster")
        assert (await anext(slow)).message == "4 -> 5"


async def test_concurrent_verbs_are_all_applied() -> None:
    names = [f"s{number}" for number in range(40)]
    async with running(config(*names)) as (balancer, plane):
        await asyncio.gather(*(balancer.drain("web", name) for name in names[:39]))
        assert plane.eligible() == ["s39"]
        versions = [snapshot["version"] for snapshot in plane.snapshots]
        assert versions == sorted(set(versions))


async def test_names_are_resolved_before_the_listeners_open() -> None:
    async with running(config({"id": "a", "address": "localhost:9"})) as (_, plane):
        assert plane.servers()[0]["address"] == "127.0.0.1:9"


async def test_a_verb_that_is_given_up_does_not_harm_the_writer() -> None:
    async with running(config("a", "b")) as (balancer, plane):
        task = asyncio.create_task(balancer.drain("web", "a"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await balancer.drain("web", "b")
        assert plane.eligible() in ([], ["a"])
