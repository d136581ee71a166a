"""Runs the probes of all servers for the supervisor: jittered, spread, at most so many at once, outcomes in batches.

One scheduler with one heap, not a sleeping task for each of thousands of servers. It wakes at most every few
milliseconds and starts what is due together, but few in one turn of the event loop, and reads the answers that are
there before it asks more: when there are more probes than the machine can ask in time, intervals stretch, and our being
busy never looks like a server's being slow. Servers that say nothing wait beside the others and hold up nobody. Nothing
is judged here: see ``health.policy``; the sockets are in ``health.asker``.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import resource
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from steelyard.control.events import ProbeOutcome
from steelyard.control.state import Target
from steelyard.health.asker import Asker, Done, Outcome, Question

AT_ONCE: Final = 4096
"""Probes under way at one time, at most; fewer where the process may open few descriptors."""
BURST: Final = 32
"""Probes started in one turn of the event loop."""
TICK: Final = 0.005
"""The scheduler looks again after so long at the soonest: what is due in between is started together."""
BATCH_DELAY: Final = 0.02
"""How long outcomes are gathered before they are delivered together."""
JITTER: Final = 0.1

Key = tuple[str, str]


class Asks(Protocol):
    """What the prober needs of an ``Asker``."""

    def ask(self, question: Question, done: Done) -> None: ...

    def read(self) -> bool: ...

    def close(self) -> None: ...


class _Watch:
    """One server that is probed."""

    __slots__ = ("asked", "interval", "key", "question", "started")

    def __init__(self, key: Key, target: Target) -> None:
        self.key = key
        self.interval = target.probe.interval
        self.question = Question.of(target)
        self.asked = False
        """It has had its first outcome."""
        self.started = 0.0


class Prober:
    def __init__(
        self,
        deliver: Callable[[tuple[ProbeOutcome, ...]], None],
        *,
        rng: random.Random | None = None,
        asker: Callable[[], Asks] = Asker,
    ) -> None:
        self._deliver = deliver
        self._rng = rng or random.Random()
        self._make_asker = asker
        self._asker: Asks | None = None
        self._watches: dict[Key, _Watch] = {}
        self._due: list[tuple[float, int, _Watch]] = []
        self._order = 0
        self._under_way = 0
        self._full = False
        """What is due waits until one that is under way has ended."""
        self._at_once = _at_once(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        self._timer: asyncio.Handle | None = None
        self._wakes_at = 0.0
        self._finished: list[ProbeOutcome] = []
        self._unasked = 0
        self._all_asked = asyncio.Event()
        self._all_asked.set()

    def start(self, pool: str, server: str, target: Target) -> None:
        """Probe from now on, at once for the first time; replaces what was probed for this server before."""
        self.stop(pool, server)
        if self._asker is None:
            self._asker = self._make_asker()
        watch = self._watches[pool, server] = _Watch((pool, server), target)
        self._unasked += 1
        self._all_asked.clear()
        self._schedule(watch, 0.0)

    def stop(self, pool: str, server: str) -> None:
        """Outcomes of a probe that is under way are not delivered any more."""
        watch = self._watches.pop((pool, server), None)
        if watch is not None and not watch.asked:
            self._count_asked(watch)

    async def first_round(self, timeout: float) -> bool:
        """Wait until every server was asked once, but not longer than ``timeout``; delivers what is there."""
        try:
            async with asyncio.timeout(timeout):
                await self._all_asked.wait()
        except TimeoutError:
            return False
        finally:
            self._flush()
        return True

    async def close(self) -> None:
        self._watches.clear()
        if self._timer is not None:
            self._timer.cancel()
        if self._asker is not None:
            self._asker.close()

    def _schedule(self, watch: _Watch, delay: float) -> None:
        self._order += 1
        now = asyncio.get_running_loop().time()
        heapq.heappush(self._due, (now + delay, self._order, watch))
        self._wake(now + max(delay, TICK) if delay else now)

    def _wake(self, at: float) -> None:
        """Look again at this time, unless that happens about then anyhow."""
        if self._timer is not None:
            if self._wakes_at <= at + TICK / 2:
                return
            self._timer.cancel()
        self._wakes_at = at
        self._timer = asyncio.get_running_loop().call_at(at, self._run)

    def _run(self) -> None:
        """Start what is due. At the limit of those under way, the next that ends looks again."""
        self._timer = None
        assert self._asker is not None
        self._asker.read()
        now, started = asyncio.get_running_loop().time(), 0
        while self._due and self._due[0][0] <= now and self._under_way < self._at_once:
            if started == BURST:
                self._wake(now)
                return
            watch = heapq.heappop(self._due)[2]
            if self._watches.get(watch.key) is watch:
                started += 1
                self._under_way += 1
                watch.started = now
                self._asker.ask(watch.question, partial(self._ended, watch))
        self._full = self._under_way >= self._at_once
        if self._due and not self._full:
            self._wake(max(self._due[0][0], now + TICK))

    def _ended(self, watch: _Watch, outcome: Outcome | None) -> None:
        """A probe has ended."""
        self._under_way -= 1
        if self._watches.get(watch.key) is watch:
            if outcome is not None:
                self._finish(ProbeOutcome(*watch.key, outcome.good, outcome.note))
            if watch.asked:
                wait = watch.interval * self._rng.uniform(1 - JITTER, 1 + JITTER)
            else:
                wait = watch.interval * self._rng.uniform(JITTER, 1)  # spreads those that started together
                self._count_asked(watch)
            self._schedule(watch, max(0.0, watch.started + wait - asyncio.get_running_loop().time()))
        if self._full:
            self._full = False
            self._wake(asyncio.get_running_loop().time())

    def _count_asked(self, watch: _Watch) -> None:
        watch.asked = True
        self._unasked -= 1
        if not self._unasked:
            self._all_asked.set()

    def _finish(self, outcome: ProbeOutcome) -> None:
        if not self._finished:
            asyncio.get_running_loop().call_later(BATCH_DELAY, self._flush)
        self._finished.append(outcome)

    def _flush(self) -> None:
        if self._finished:
            outcomes, self._finished = tuple(self._finished), []
            self._deliver(outcomes)


def _at_once(descriptors: int) -> int:
    """A quarter of the descriptors, so that probes never take those that clients and servers need."""
    return AT_ONCE if descriptors == resource.RLIM_INFINITY else max(1, min(AT_ONCE, descriptors // 4))
