"""Names kept resolved: together, within a time, again after their TTL, and again after failures."""

from __future__ import annotations

import asyncio

from steelyard.control.events import Resolution
from steelyard.discovery.lookup import Answer, look_up
from steelyard.discovery.resolver import Resolver
from tests.support.dns import NameServer
from tests.support.waiting import until


class Names:
    """A look-up that answers from a table and counts."""

    def __init__(self) -> None:
        self.table: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.stuck: set[str] = set()

    async def __call__(self, host: str) -> Answer:
        self.asked.append(host)
        if host in self.stuck:
            await asyncio.Event().wait()
        return self.table.get(host, Answer((), 0.01, f"{host}: no such name"))


async def test_names_are_resolved_together_and_late_ones_do_not_hold_up_the_rest() -> None:
    names = Names()
    names.table["a"], names.stuck = Answer(("10.0.0.1",), 60), {"slow"}
    found = await Resolver(lambda _: None, names).resolve(["a", "slow", "gone"], timeout=0.05)
    assert found["a"] == Resolution("a", ("10.0.0.1",))
    assert found["slow"] == Resolution("slow", (), "slow: not resolved yet")
    assert found["gone"] == Resolution("gone", (), "gone: no such name")


async def test_an_answer_that_holds_is_not_asked_for_again() -> None:
    names = Names()
    names.table["a"] = Answer(("10.0.0.1",), 60)
    resolver = Resolver(lambda _: None, names)
    await resolver.resolve(["a"])
    await resolver.resolve(["a"])
    assert names.asked == ["a"]


async def test_a_change_is_delivered_when_the_ttl_runs_out_and_only_a_change() -> None:
    names, delivered = Names(), list[Resolution]()
    names.table["a"] = Answer(("10.0.0.1",), 0.01)
    resolver = Resolver(delivered.extend, names)
    await resolver.resolve(["a"])
    resolver.follow(frozenset({"a"}))
    await until(lambda: len(names.asked) >= 4)
    assert delivered == []
    names.table["a"] = Answer(("10.0.0.2",), 0.01)
    await until(lambda: delivered)
    assert delivered == [Resolution("a", ("10.0.0.2",))]
    names.table["a"] = Answer((), 0.01, "a: no such name")
    await until(lambda: len(delivered) == 2)
    assert delivered[1] == Resolution("a", (), "a: no such name")
    await resolver.close()


async def test_what_is_no_longer_followed_is_no_longer_asked() -> None:
    names = Names()
    names.table["a"] = names.table["b"] = Answer(("10.0.0.1",), 0.005)
    resolver = Resolver(lambda _: None, names)
    resolver.follow(frozenset({"a", "b"}))
    await until(lambda: names.asked.count("a") >= 3 and names.asked.count("b") >= 3)
    resolver.follow(frozenset({"b"}))
    await asyncio.sleep(0)
    asked = names.asked.count("a")
    await until(lambda: names.asked.count("b") >= 10)
    assert names.asked.count("a") == asked
    await resolver.close()


async def test_against_a_real_server() -> None:
    async with NameServer() as server:
        server.ttl = 0
        server.records["app.example."] = {"A": ["10.0.0.1"]}
        system = server.resolver()
        delivered: list[Resolution] = []
        resolver = Resolver(delivered.extend, lambda host: look_up(host, system))
        assert (await resolver.resolve(["app.example"]))["app.example"].addresses == ("10.0.0.1",)
        resolver.follow(frozenset({"app.example"}))
        server.records["app.example."] = {"A": ["10.0.0.2"]}
        await until(lambda: delivered)
        assert delivered == [Resolution("app.example", ("10.0.0.2",))]
        await resolver.close()
