"""Reloads under load: a hundred in a row, from a file that is watched, and ones that fail."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from steelyard import Balancer
from steelyard.errors import PlaneError
from tests.functional.cluster import PROBE, balanced
from tests.support.client import Client
from tests.support.origin import Origin
from tests.support.waiting import until


async def test_a_hundred_reloads_under_load_cost_no_request() -> None:
    async with balanced("abc", probe=PROBE) as cluster, cluster.load(200) as load:
        await load.more(500)
        for number in range(100):
            without = "c" if number % 2 else ""
            algorithm = ("round-robin", "least-connections", "maglev")[number % 3]
            await cluster.balancer.reload(cluster.config(without, algorithm=algorithm))
            await asyncio.sleep(0)
        await load.more(500)
        assert (await cluster.server("a")).health == "up"
    assert load.failures == []


async def test_what_an_operator_did_survives_a_reload() -> None:
    async with balanced("abc", probe=PROBE) as cluster:
        await cluster.balancer.drain("web", "a")
        await cluster.balancer.set_weight("web", "b", 7)
        changes = await cluster.balancer.reload(cluster.config(algorithm="weighted-round-robin"))
        assert changes.pools_changed[0].words == ("algorithm",)
        assert (await cluster.server("a")).admin == "drain"
        assert (await cluster.server("b")).weight == 7
        counted = await cluster.ask(80)
        assert abs(counted["b"] - 70) <= 7
        assert counted["a"] == 0


async def test_a_listener_that_cannot_be_bound_changes_nothing() -> None:
    async with balanced("ab") as cluster, Origin("taken") as taken:
        busy = cluster.config()
        service = busy.services["www"].model_copy(update={"listen": taken.address})
        with pytest.raises(PlaneError, match=taken.address):
            await cluster.balancer.reload(busy.model_copy(update={"services": {"www": service}}))
        assert set(await cluster.ask(10)) == {"a", "b"}


async def test_listeners_come_and_go() -> None:
    async with balanced("ab") as cluster:
        config = cluster.config()
        both = {**config.services, "more": config.services["www"]}
        await cluster.balancer.reload(config.model_copy(update={"services": both}))
        assert set(cluster.balancer.addresses) == {"www", "more"}
        async with Client(cluster.balancer.addresses["more"]) as client:
            assert (await client.get()).status == 200
        await cluster.balancer.reload(config)
        assert set(cluster.balancer.addresses) == {"www"}
        assert set(await cluster.ask(10)) == {"a", "b"}


async def test_a_watched_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "steelyard.toml"

    def write(*origins: Origin) -> None:
        members = ", ".join(f'{{ id = "{origin.name}", address = "{origin.address}" }}' for origin in origins)
        file.write_text(
            '[services.www]\nmode = "proxy"\nlisten = "127.0.0.1:0"\npool = "web"\n'
            f"[pools.web]\nservers = [{members}]\n[process]\nwatch = true\nthreads = 1\n"
        )

    async with Origin("a") as a, Origin("b") as b:
        write(a)
        async with Balancer.from_file(file) as balancer:
            events = balancer.events()
            write(a, b)
            assert [(await anext(events)).kind for _ in range(2)] == ["server-added", "reloaded"]
            file.write_text("nonsense = 1\n")
            failed = await anext(events)
            assert failed.kind == "reload-failed"
            assert "nonsense" in failed.message
            async with Client(balancer.addresses["www"]) as client:
                assert {(await client.get()).server for _ in range(10)} == {"a", "b"}
            write(b)
            await until(lambda: len(balancer.config.pools["web"].servers) == 1)
