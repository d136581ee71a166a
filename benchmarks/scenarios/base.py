"""What scenarios share: starting the contestants, and rounds that are interleaved so that all meet the same weather."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks import usage
from benchmarks.contestants import Contestant, Running, Work
from benchmarks.load import SMALL_BODY, Load, generator
from benchmarks.processes import Room, wait_until_it_answers

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Bench:
    """One run: where, who, how long, and whom to tell of the progress."""

    room: Room
    contestants: Sequence[Contestant]
    rounds: int
    seconds: float
    origin_port: int
    step: Callable[[str], None]
    """Called before each piece of work with a few words of what it is."""

    def without(self, *names: str) -> list[Contestant]:
        return [one for one in self.contestants if one.name not in names]


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one contestant."""

    load: Load
    cpu: usage.Cpu
    load_core_busy: float
    """The share of the time in which the core of generator and origin was not idle."""

    @property
    def cpu_us(self) -> float:
        return self.cpu.total_ns / 1e3 / max(self.load.requests, 1)

    @property
    def proxy_busy(self) -> float:
        return self.cpu.total_ns / 1e9 / self.load.seconds


@dataclass(slots=True)
class Rounds:
    """All rounds of a scenario, by contestant."""

    by_name: dict[str, list[Round]] = field(default_factory=dict)

    def add(self, name: str, one: Round) -> None:
        self.by_name.setdefault(name, []).append(one)

    def series(self, value: Callable[[Round], float]) -> dict[str, list[float]]:
        return {name: [value(one) for one in rounds] for name, rounds in self.by_name.items()}

    def errors(self) -> list[str]:
        """A sentence for each contestant that failed requests; such a result is not to be trusted."""
        counted = {name: sum(one.load.errors for one in rounds) for name, rounds in self.by_name.items()}
        return [f"{name} failed {count} requests" for name, count in counted.items() if count]


@contextmanager
def running(bench: Bench, contestants: Sequence[Contestant], work: Work) -> Iterator[list[Running]]:
    """The contestants, started and answering; ended when the block ends."""
    started: list[Running] = []
    try:
        for contestant in contestants:
            one = contestant.start(work, bench.room)
            started.append(one)
            wait_until_it_answers(one.process, one.port)
        yield started
    finally:
        for one in reversed(started):
            bench.room.stop(one.process)


def in_turn(started: Sequence[Running], number: int) -> list[Running]:
    """The order of a round: each goes first equally often, so that nobody always follows the same one."""
    shift = number % len(started)
    return [*started[shift:], *started[:shift]]


def measure(
    bench: Bench,
    one: Running,
    *,
    path: str = "/",
    length: int = SMALL_BODY,
    connections: int = 64,
    rate: float | None = None,
    seconds: float | None = None,
) -> Round:
    """One round: the CPU time counts from "all connections are warm" to "the last answer has come"."""
    with generator(bench.room, one.port, path=path, length=length, connections=connections) as load:
        core = bench.room.load_core
        busy, cpu = usage.core_busy_ticks(core), one.cpu()
        found = load.go(seconds or bench.seconds, rate)
        used, busy = one.cpu() - cpu, usage.core_busy_ticks(core) - busy
    one.empty_log()
    return Round(found, used, busy / usage.ticks_per_second() / found.seconds)


def interleave(
    bench: Bench, started: Sequence[Running], label: str, action: Callable[[Running], Round], rounds: int = 0
) -> Rounds:
    found = Rounds()
    for number in range(rounds or bench.rounds):
        for one in in_turn(started, number):
            bench.step(f"{label}: {one.name}")
            found.add(one.name, action(one))
    return found
