"""Runs the probes of all servers for the supervisor: jittered, spread, at most so many at once, outcomes in batches.

One scheduler with one heap, not a sleeping task for each of thousands of servers. Few are started in one turn of the
event loop, so answers that are there are always read before more is asked: when there are more probes than the machine
can ask in time, intervals stretch, and our being busy never looks like a server's being slow. Servers that say nothing
wait beside the others and hold up nobody. Nothing is judged here: see ``health.policy``.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import resource
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from steelyard.control.events import ProbeOutcome
from steelyard.control.state import Target
from steelyard.health.probes import Outcome, ask

AT_ONCE = 4096
"""Probes under way at one time, at most; fewer where the process may open few descriptors."""
BURST = 32
"""Probes started in one turn of the event loop."""
BATCH_DELAY = 0.02
"""How long outcomes are gathered before they are delivered together."""
JITTER = 0.1

Key = tuple[str, str]


@dataclass(slots=True)
class _Watch:
    target: Target
    asked: bool = False
    """It has had its first outcome."""


class Prober:
    def __init__(
        self,
        deliver: Callable[[tuple[ProbeOutcome, ...]], None],
        *,
        rng: random.Random | None = None,
        probe: Callable[[Target], Awaitable[Outcome | None]] = ask,
    ) -> None:
        self._deliver = deliver
        self._rng = rng or random.Random()
        self._probe = probe
        self._watches: dict[Key, _Watch] = {}
        self._due: list[tuple[float, int, Key, _Watch]] = []
        self._order = 0
        self._running: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(_at_once(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
        self._wake = asyncio.Event()
        self._finished: list[ProbeOutcome] = []
        self._unasked = 0
        self._all_asked = asyncio.Event()
        self._all_asked.set()
        self._scheduler: asyncio.Task[None] | None = None

    def start(self, pool: str, server: str, target: Target) -> None:
        """Probe from now on, at once for the first time; replaces what was probed for this server before."""
        self.stop(pool, server)
        watch = self._watches[pool, server] = _Watch(target)
        self._unasked += 1
        self._all_asked.clear()
        self._schedule((pool, server), watch, 0.0)
        if self._scheduler is None:
            self._scheduler = asyncio.get_running_loop().create_task(self._run(), name="steelyard-prober")

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
        tasks = [*self._running, *([self._scheduler] if self._scheduler else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _schedule(self, key: Key, watch: _Watch, delay: float) -> None:
        self._order += 1
        heapq.heappush(self._due, (asyncio.get_running_loop().time() + delay, self._order, key, watch))
        self._wake.set()

    async def _run(self) -> None:
        loop, started = asyncio.get_running_loop(), 0
        while True:
            self._wake.clear()
            while self._due and self._due[0][0] <= loop.time():
                _, _, key, watch = heapq.heappop(self._due)
                if self._watches.get(key) is not watch:
                    continue
                await self._slots.acquire()
                task = loop.create_task(self._ask(key, watch))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
                started += 1
                if started % BURST == 0:
                    await asyncio.sleep(0)
            try:
                async with asyncio.timeout_at(self._due[0][0] if self._due else None):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _ask(self, key: Key, watch: _Watch) -> None:
        started = asyncio.get_running_loop().time()
        try:
            outcome = await self._probe(watch.target)
        finally:
            self._slots.release()
        if self._watches.get(key) is not watch:
            return
        if outcome is not None:
            self._finish(ProbeOutcome(*key, outcome.good, outcome.note))
        interval = watch.target.probe.interval
        if watch.asked:
            wait = interval * self._rng.uniform(1 - JITTER, 1 + JITTER)
        else:
            wait = interval * self._rng.uniform(JITTER, 1)  # spreads those that started together
            self._count_asked(watch)
        self._schedule(key, watch, max(0.0, started + wait - asyncio.get_running_loop().time()))

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
