"""Any order of events: what must hold after every one of them, whatever happened before."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from steelyard.config.model import Server
from steelyard.control import events as happened
from steelyard.control.effects import Announce, Publish, StartProbe, StopProbe
from steelyard.control.eligible import rank
from steelyard.control.publish import Renderer, snapshot
from steelyard.control.reduce import reduce
from steelyard.control.state import ClusterState, probe_target
from steelyard.errors import Refused, UnknownName
from steelyard.health.passive import Sample
from tests.unit.control.build import PROBE, config

NAMES = ("a", "b", "c", "d", "named")
names = st.sampled_from(NAMES)


def server(name: str, **words: Any) -> dict[str, Any]:
    where = "app.example:80" if name == "named" else f"10.0.0.{NAMES.index(name) + 1}:80"
    return {"id": name, "address": where, **words}


servers = st.lists(
    st.builds(
        lambda name, backup, weight: server(name, backup=backup, weight=weight), names, st.booleans(), st.integers(1, 3)
    ),
    max_size=5,
    unique_by=lambda each: str(each["id"]),
)
files = st.builds(
    lambda members, probe, slow, algorithm: config(
        *members, probe=PROBE if probe else None, slow_start="4s" if slow else "0s", algorithm=algorithm
    ),
    servers,
    st.booleans(),
    st.booleans(),
    st.sampled_from(["round-robin", "maglev"]),
)


class AnyOrder(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.state = ClusterState()
        self.now = 0.0
        self.renderer = Renderer()
        self.published: dict[str, Any] = {}
        self.probed: dict[str, object] = {}
        self.removed: set[str] = set()

    def apply(self, event: happened.Event) -> None:
        version = self.state.version
        try:
            self.state, effects = reduce(self.state, event, self.now)
        except (UnknownName, Refused):
            return
        assert self.state.version - version in (0, 1)
        assert all(effects.index(each) == 0 for each in effects if isinstance(each, Publish))
        if Publish() in effects:
            assert self.state.version > version
            self.published = json.loads(self.renderer.render(self.state, self.now))
        for effect in effects:
            match effect:
                case StartProbe():
                    self.probed[effect.server] = effect.target
                case StopProbe():
                    del self.probed[effect.server]
                case Announce(kind="server-removed"):
                    self.removed.add(effect.server)
                case Announce(kind="server-added"):
                    self.removed.discard(effect.server)

    @initialize(file=files)
    def start(self, file: Any) -> None:
        self.apply(happened.ConfigChanged(file))
        self.apply(happened.ListenersOpened())

    @rule(file=files, resolved=st.booleans())
    def reload(self, file: Any, resolved: bool) -> None:
        found = happened.Resolution(
            "app.example", ("10.1.1.1",) if resolved else (), "" if resolved else "no such name"
        )
        self.apply(happened.ConfigChanged(file, {}, {}, {"app.example": found}))
        self.removed -= {each.id for each in file.pools["web"].servers}

    @rule(outcomes=st.lists(st.tuples(names, st.booleans()), max_size=6))
    def probe(self, outcomes: list[tuple[str, bool]]) -> None:
        each = (happened.ProbeOutcome("web", name, good, "said") for name, good in outcomes)
        self.apply(happened.ProbesFinished(tuple(each)))

    @rule(name=names, connect=st.integers(0, 9), bad=st.integers(0, 40), fine=st.integers(0, 40))
    def fail(self, name: str, connect: int, bad: int, fine: int) -> None:
        sample = Sample("web", name, connect + bad + fine, connect=connect, status_5xx=bad)
        could = {other for other, each in self.members().items() if rank(each) in (0, 1)}
        self.apply(happened.FailuresSeen((sample,)))
        still = {other for other, each in self.members().items() if rank(each) in (0, 1)}
        assert still or not could, "traffic took the last server that could serve"

    @rule(name=names, admin=st.sampled_from(["ready", "drain", "maintenance"]))
    def operate(self, name: str, admin: Any) -> None:
        self.apply(happened.AdminStateRequested("web", name, admin))

    @rule(name=names, weight=st.integers(1, 5))
    def weigh(self, name: str, weight: int) -> None:
        self.apply(happened.WeightRequested("web", name, weight))

    @rule(name=names)
    def add(self, name: str) -> None:
        self.apply(happened.AdditionRequested("web", Server(**server(name))))

    @rule(name=names)
    def remove(self, name: str) -> None:
        self.apply(happened.RemovalRequested("web", name))

    @rule(found=st.lists(st.sampled_from(["10.1.1.1", "10.1.1.2", "2001:db8::1"]), max_size=2, unique=True))
    def resolve(self, found: list[str]) -> None:
        self.apply(happened.NamesResolved((happened.Resolution("app.example", tuple(found), "why"),)))

    @rule(active=st.dictionaries(names, st.integers(0, 2)))
    def count(self, active: dict[str, int]) -> None:
        self.apply(happened.ActiveCounted({("web", name): number for name, number in active.items()}))

    @rule(seconds=st.floats(0.0, 40.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.apply(happened.TimePassed())

    def members(self) -> Any:
        return self.state.pools["web"].servers

    @precondition(lambda self: self.published)
    @invariant()
    def what_is_published_is_what_the_state_says(self) -> None:
        current = snapshot(self.state, self.now)
        [shown], [wanted] = self.published["pools"], current["pools"]
        assert self.published["version"] == current["version"]
        if not self.state.pools["web"].warming:
            assert shown == wanted

    @precondition(lambda self: self.published)
    @invariant()
    def only_those_who_can_are_eligible(self) -> None:
        [pool] = self.published["pools"]
        eligible = [each for each in pool["servers"] if each["eligible"]]
        for each in eligible:
            known = self.members()[each["id"]]
            assert each["address"] is not None
            assert each["keeps"]
            assert known.admin == "ready"
            assert known.removing is None
            assert known.health.health != "down"
        if any(self.members()[each["id"]].health.health == "unknown" for each in eligible):
            assert not any(rank(each) in (0, 1) for each in self.members().values())
        assert eligible or all(rank(each) is None for each in self.members().values())
        assert len({each["id"] for each in pool["servers"]}) == len(pool["servers"])
        assert all(1 <= each["weight"] <= 1_000_000 for each in pool["servers"])

    @invariant()
    def removed_is_gone(self) -> None:
        if "web" in self.state.pools:
            assert not self.removed & set(self.members())

    @invariant()
    def exactly_those_are_probed_who_should_be(self) -> None:
        if "web" in self.state.pools:
            pool = self.state.pools["web"]
            wanted = {name: probe_target(pool, each) for name, each in pool.servers.items()}
            assert self.probed == {name: target for name, target in wanted.items() if target is not None}

    @invariant()
    def the_short_lists_are_true(self) -> None:
        if "web" in self.state.pools:
            pool = self.state.pools["web"]
            assert pool.leaving == {name for name, each in pool.servers.items() if each.leaving and not each.drained}
            assert pool.warming == {name for name, each in pool.servers.items() if each.warming is not None}
            assert pool.out == {name for name, each in pool.servers.items() if each.ejection.out}


AnyOrder.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase
