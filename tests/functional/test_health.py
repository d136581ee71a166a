"""Servers that die, come back, answer badly or are spare: what clients see of it, which is nothing."""

from __future__ import annotations

from tests.functional.cluster import PROBE, balanced
from tests.support.client import Client
from tests.support.waiting import until


async def test_kill_and_revival_under_load_cost_no_request() -> None:
    async with balanced("abc", probe=PROBE) as cluster, cluster.load(100) as load:
        await load.more(1000)
        await cluster.origins["b"].kill()
        await cluster.until_eligible("a", "c")
        await load.more(1000)
        await cluster.origins["b"].revive()
        await cluster.until_eligible("a", "b", "c")
        answered = load.servers["b"]
        await until(lambda: load.servers["b"] > answered + 100)
    assert load.failures == []


async def test_without_a_probe_connect_failures_take_a_server_out_and_it_comes_back() -> None:
    async with balanced("abc", passive={"failures": 3, "out_time": "200ms"}) as cluster, cluster.load(50) as load:
        await load.more(300)
        events = cluster.balancer.events()
        await cluster.origins["b"].kill()
        event = await anext(events)
        assert (event.kind, event.server) == ("server-ejected", "b")
        assert (await cluster.server("b")).why.startswith("taken out by traffic: ")
        await cluster.origins["b"].revive()
        await cluster.until_eligible("a", "b", "c")
        answered = load.servers["b"]
        await until(lambda: load.servers["b"] > answered + 100)
    assert load.failures == []


async def test_bad_answers_take_a_server_out() -> None:
    passive = {"error_share": 0.5, "min_requests": 10, "window": "10s", "out_time": "60s"}
    async with balanced("abc", passive=passive) as cluster:
        cluster.origins["b"].status = 500
        async with cluster.load(10):
            await cluster.until_eligible("a", "c")
        assert "requests failed" in (await cluster.server("b")).why
        assert set(await cluster.ask(30)) == {"a", "c"}


async def test_all_down_is_503_and_recovers_without_a_restart() -> None:
    async with balanced("ab", probe=PROBE) as cluster:
        for origin in cluster.origins.values():
            await origin.kill()
        await cluster.until_eligible()
        async with Client(cluster.address) as client:
            reply = await client.get()
            assert reply.status == 503
            assert reply.header("Retry-After") is not None
        await cluster.origins["a"].revive()
        await cluster.until_eligible("a")
        assert await cluster.ask(10) == {"a": 10}


async def test_backups_serve_only_while_no_primary_does() -> None:
    async with balanced("abs", {"s": {"backup": True}}, probe=PROBE) as cluster:
        assert set(await cluster.ask(30)) == {"a", "b"}
        await cluster.origins["a"].kill()
        await cluster.origins["b"].kill()
        await cluster.until_eligible("s")
        assert await cluster.ask(10) == {"s": 10}
        await cluster.origins["b"].revive()
        await cluster.until_eligible("b")
        assert await cluster.ask(10) == {"b": 10}


async def test_a_sick_answer_to_the_probe_is_enough() -> None:
    async with balanced("ab", probe=PROBE) as cluster:
        cluster.origins["a"].health_status = 503
        await cluster.until_eligible("b")
        server = await cluster.server("a")
        assert server.why.startswith("down: answered 503, expected 200-399 since ")
        assert await cluster.ask(10) == {"b": 10}


async def test_a_server_that_was_down_starts_slowly() -> None:
    words = {"a": {"weight": 10}, "b": {"weight": 10}}
    pool = {"probe": PROBE, "slow_start": "60s", "algorithm": "weighted-round-robin"}
    async with balanced("ab", words, **pool) as cluster:
        assert await cluster.ask(40) == {"a": 20, "b": 20}
        await cluster.origins["b"].kill()
        await cluster.until_eligible("a")
        await cluster.origins["b"].revive()
        await cluster.until_eligible("a", "b")
        counted = await cluster.ask(110)
        assert 5 <= counted["b"] <= 25, "a tenth of its weight, growing"
        server = await cluster.server("b")
        assert 1.0 <= server.effective_weight < 10.0
        assert "slow start at " in server.why
