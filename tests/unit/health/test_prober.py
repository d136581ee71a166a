"""The prober: first rounds, intervals and jitter, batches, limits, and what happens to those who leave."""

from __future__ import annotations

import asyncio
import random
import resource
from collections import Counter
from typing import Any

import pytest

from steelyard.config.model import Probe
from steelyard.control.events import ProbeOutcome
from steelyard.control.state import Target
from steelyard.health import prober as module
from steelyard.health.asker import Done, Outcome, Question
from steelyard.health.prober import Prober
from tests.support.waiting import until


class Asked:
    """Servers that answer at the next turn of the loop, or not while ``stuck``; it counts."""

    def __init__(self, answers: list[Outcome | None] | None = None) -> None:
        self.times: dict[str, list[float]] = {}
        self.stuck: set[str] = set()
        self.running = 0
        self.running_max = 0
        self.reads = 0
        self.answers = answers
        self.closed = False

    def ask(self, question: Question, done: Done) -> None:
        loop = asyncio.get_running_loop()
        name = str(question.where[0])
        self.times.setdefault(name, []).append(loop.time())
        self.running += 1
        self.running_max = max(self.running_max, self.running)
        if name not in self.stuck and self.answers != []:
            loop.call_soon(self._answer, done)

    def _answer(self, done: Done) -> None:
        self.running -= 1
        done(Outcome(True, "fine") if self.answers is None else self.answers.pop(0))

    def read(self) -> bool:
        self.reads += 1
        return False

    def close(self) -> None:
        self.closed = True


def make(asked: Asked) -> tuple[Prober, list[tuple[ProbeOutcome, ...]]]:
    batches: list[tuple[ProbeOutcome, ...]] = []
    return Prober(batches.append, rng=random.Random(7), asker=lambda: asked), batches


def address(number: int) -> str:
    return f"10.0.{number // 250}.{number % 250}"


def target(host: str, **probe: Any) -> Target:
    return Target(f"{host}:80", host, Probe(**{"interval": 60.0, **probe}))


async def test_the_first_round_asks_everyone_once_and_delivers_in_few_batches() -> None:
    asked = Asked()
    prober, batches = make(asked)
    for number in range(1000):
        prober.start("web", str(number), target(address(number)))
    assert await prober.first_round(30)
    assert sum(len(batch) for batch in batches) == 1000
    assert len(batches) < 100
    assert asked.running_max <= module.AT_ONCE
    assert set(map(len, asked.times.values())) == {1}
    await prober.close()


async def test_the_first_round_does_not_wait_for_ever() -> None:
    asked = Asked()
    asked.stuck = {"10.1.0.1"}
    prober, batches = make(asked)
    prober.start("web", "slow", target("10.1.0.1"))
    prober.start("web", "quick", target("10.1.0.2"))
    assert not await prober.first_round(0.05)
    assert [outcome.server for batch in batches for outcome in batch] == ["quick"]
    prober.stop("web", "slow")
    assert await prober.first_round(0)
    await prober.close()


async def test_without_servers_there_is_nothing_to_wait_for() -> None:
    prober, _ = make(Asked())
    assert await prober.first_round(0)
    await prober.close()


async def test_it_goes_on_asking_and_those_who_left_are_left_alone() -> None:
    asked = Asked()
    prober, batches = make(asked)
    prober.start("web", "a", target("10.1.1.1", interval=0.005))
    prober.start("web", "b", target("10.1.1.2", interval=0.005))
    await until(lambda: min(len(asked.times.get(name, ())) for name in ("10.1.1.1", "10.1.1.2")) >= 5)
    prober.stop("web", "a")
    count = len(asked.times["10.1.1.1"])
    await until(lambda: len(asked.times["10.1.1.2"]) >= 15)
    assert len(asked.times["10.1.1.1"]) <= count + 1
    await prober.close()
    del batches


async def test_an_outcome_of_a_replaced_target_is_not_delivered() -> None:
    asked = Asked()
    asked.stuck = {"10.1.0.3"}
    prober, batches = make(asked)
    prober.start("web", "a", target("10.1.0.3"))
    await until(lambda: asked.running == 1)
    prober.start("web", "a", target("10.1.0.4"))
    assert await prober.first_round(30)
    assert Counter(outcome.server for batch in batches for outcome in batch) == {"a": 1}
    await prober.close()


async def test_a_stuck_server_holds_up_nobody_else() -> None:
    asked = Asked()
    asked.stuck = {address(number) for number in range(100)}
    prober, _ = make(asked)
    for number in range(200):
        prober.start("web", str(number), target(address(number), interval=0.01))
    await until(lambda: all(len(asked.times.get(address(number), ())) >= 3 for number in range(100, 200)))
    await prober.close()


async def test_intervals_are_jittered_by_a_tenth(monkeypatch: Any) -> None:
    waits: list[float] = []
    prober, _ = make(Asked())
    schedule = prober._schedule
    monkeypatch.setattr(prober, "_schedule", lambda watch, delay: (waits.append(delay), schedule(watch, 0)))
    prober.start("web", "a", target("10.1.1.1", interval=10.0))
    await until(lambda: len(waits) > 200)
    await prober.close()
    first, second, *later = waits
    assert first == 0
    assert 0.9 <= second <= 10.0
    assert all(8.9 <= wait <= 11.0 for wait in later)
    assert max(later) - min(later) > 1.0


async def test_what_could_not_be_asked_is_not_delivered_and_asked_again() -> None:
    prober, batches = make(Asked([None, None, Outcome(True, "fine")]))
    prober.start("web", "a", target("10.1.1.1", interval=0.005))
    assert await prober.first_round(30)
    assert batches == []
    await until(lambda: batches)
    assert batches == [(ProbeOutcome("web", "a", True, "fine"),)]
    await prober.close()


async def test_at_the_limit_the_next_waits_for_one_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 3)
    asked = Asked()
    prober, _ = make(asked)
    for number in range(50):
        prober.start("web", str(number), target(address(number), interval=0.005))
    await until(lambda: all(len(asked.times.get(address(number), ())) >= 3 for number in range(50)))
    assert asked.running_max == 3
    await prober.close()
    assert asked.closed


async def test_answers_are_read_before_more_is_asked() -> None:
    asked = Asked()
    prober, _ = make(asked)
    for number in range(3 * module.BURST):
        prober.start("web", str(number), target(address(number)))
    assert await prober.first_round(30)
    assert asked.reads >= 3, "once for each burst"
    await prober.close()


@pytest.mark.parametrize(
    ("descriptors", "at_once"), [(1024, 256), (1 << 20, 4096), (resource.RLIM_INFINITY, 4096), (3, 1)]
)
def test_probes_take_at_most_a_quarter_of_the_descriptors(descriptors: int, at_once: int) -> None:
    assert module._at_once(descriptors) == at_once
