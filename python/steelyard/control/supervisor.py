"""The shell around ``reduce``: one queue of events, one writer, effects performed. Decides nothing.

One task takes the events in order, reduces them, has the planes apply what came out and then performs the rest. A
request of an operator stands alone: when the plane refuses its snapshot, the state before it is in force again and the
requester gets the error. All others are taken together, so that a storm of them costs one snapshot.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from steelyard.control.clock import next_tick
from steelyard.control.effects import Announce, Effect, FollowNames, Publish, StartProbe, StopProbe
from steelyard.control.events import (
    ActiveCounted,
    ConfigChanged,
    FailuresSeen,
    ListenersOpened,
    NamesResolved,
    ProbesFinished,
    StopRequested,
    TimePassed,
)
from steelyard.control.events import Event as Happening
from steelyard.control.publish import Renderer
from steelyard.control.reduce import reduce
from steelyard.control.state import ClusterState
from steelyard.control.subscribers import EventStream, Subscribers
from steelyard.discovery.resolver import Resolver
from steelyard.errors import PlaneError, Refused, SteelyardError
from steelyard.health.prober import Prober
from steelyard.planes.plane import Plane
from steelyard.status import Event

FIRST_ROUND_MARGIN = 0.25
"""The first probes may take their timeout and so much more before the listeners open all the same."""
FIRST_ROUND_MAX = 10.0
TOGETHER = 1000
"""So many events are taken together at most."""

log = logging.getLogger("steelyard")


class Supervisor:
    def __init__(
        self,
        plane: Plane,
        *,
        clock: Callable[[], float] = time.monotonic,
        resolver: Callable[[Callable[..., None]], Resolver] = Resolver,
    ) -> None:
        self.state = ClusterState()
        self.plane = plane
        self._clock = clock
        self._renderer = Renderer()
        self._queue: asyncio.Queue[tuple[Happening, asyncio.Future[None] | None]] = asyncio.Queue()
        self._prober = Prober(lambda outcomes: self.post(ProbesFinished(outcomes)))
        self.resolver = resolver(lambda resolutions: self.post(NamesResolved(resolutions)))
        self._subscribers = Subscribers()
        self._unpublished = False
        """The planes refused what no operator asked for: tried again with the next tick."""
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, configuration: ConfigChanged) -> None:
        """Probe every server once, then open the listeners."""
        self._tasks = [
            asyncio.create_task(self._write(), name="steelyard-writer"),
            asyncio.create_task(self._tick(), name="steelyard-clock"),
        ]
        await self.request(configuration)
        timeouts = [pool.probe.timeout for pool in configuration.config.pools.values() if pool.probe and pool.servers]
        if timeouts:
            await self._prober.first_round(min(max(timeouts) + FIRST_ROUND_MARGIN, FIRST_ROUND_MAX))
        await self.request(ListenersOpened())
        self.plane.listen_for_failures(lambda samples: self.post(FailuresSeen(samples)))

    def post(self, event: Happening) -> None:
        """Something happened; nobody waits for what it leads to."""
        self._queue.put_nowait((event, None))

    async def request(self, event: Happening) -> None:
        """Somebody asks; returns when the planes have applied it. On an exception nothing has changed."""
        if not self._runs:
            raise Refused("the balancer does not run: start it, or enter it by 'async with'")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((event, done))
        await done

    def subscribe(self) -> EventStream:
        return self._subscribers.subscribe()

    def announce(self, kind: str, pool: str = "", server: str = "", message: str = "") -> None:
        self._subscribers.tell(Event(at=time.time(), kind=kind, pool=pool, server=server, message=message))
        place = f" {pool}/{server}" if server else f" {pool}" if pool else ""
        log.info("%s%s%s", kind, place, f": {message}" if message else "")

    async def stop(self, timeout: float) -> int:
        """Stop accepting, wait for what runs, end the rest; returns how many connections were cut."""
        try:
            if self._runs:
                await self.request(StopRequested())
            await self.plane.stop_accepting()
            return await self.plane.close(timeout)
        finally:
            await self.abandon()

    @property
    def _runs(self) -> bool:
        return bool(self._tasks) and not self._tasks[0].done()

    async def abandon(self) -> None:
        """End the tasks of a balancer whose start failed, or that has stopped."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, self._prober.close(), self.resolver.close(), return_exceptions=True)
        while not self._queue.empty():
            _, done = self._queue.get_nowait()
            if done is not None and not done.done():
                done.set_exception(Refused("the balancer has stopped"))
        self._subscribers.end()

    async def _write(self) -> None:
        """The one writer."""
        while True:
            event, done = await self._queue.get()
            if done is None:
                happened = [event]
                while len(happened) < TOGETHER and not self._queue.empty():
                    event, done = self._queue.get_nowait()
                    if done is not None:
                        break
                    happened.append(event)
                await self._take(happened)
            if done is not None:
                await self._answer(event, done)
            self._changed.set()

    async def _take(self, events: list[Happening]) -> None:
        """Events that nobody waits for: the state moves on even if the planes refuse what follows from it."""
        effects: list[Effect] = []
        now = self._clock()
        for event in events:
            try:
                self.state, followed = reduce(self.state, event, now)
                effects += followed
            except Exception:
                log.exception("a fault of Steelyard: an event is lost, the rest goes on; please report it: %s", event)
        if any(isinstance(effect, Publish) for effect in effects) or (self._unpublished and TimePassed() in events):
            await self._republish()
        self._perform(effects)

    async def _republish(self) -> None:
        try:
            await self._publish(self.state)
        except PlaneError as error:
            if not self._unpublished:
                self.announce("plane-failed", message=f"{error}; tried again every second")
            self._unpublished = True

    async def _answer(self, event: Happening, done: asyncio.Future[None]) -> None:
        """One request: all of it, or nothing."""
        try:
            state, effects = reduce(self.state, event, self._clock())
            if any(isinstance(effect, Publish) for effect in effects):
                await self._publish(state)
            self.state = state
            self._perform(effects)
        except asyncio.CancelledError:
            done.cancel()
            raise
        except Exception as error:
            if not done.done():
                done.set_exception(error)
            if not isinstance(error, SteelyardError):
                log.exception("a request failed: %s", event)
        else:
            if not done.done():
                done.set_result(None)

    async def _publish(self, state: ClusterState) -> None:
        await self.plane.apply(self._renderer.render(state, self._clock()))
        self._unpublished = False

    def _perform(self, effects: list[Effect] | tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case StartProbe():
                    self._prober.start(effect.pool, effect.server, effect.target)
                case StopProbe():
                    self._prober.stop(effect.pool, effect.server)
                case FollowNames():
                    self.resolver.follow(effect.hosts)
                case Announce():
                    self.announce(effect.kind, effect.pool, effect.server, effect.message)
                case Publish():
                    pass

    async def _tick(self) -> None:
        """Time, as an event, when something waits for it; and the count of what still runs on leaving servers."""
        due = 0.0
        while True:
            self._changed.clear()
            try:
                async with asyncio.timeout(due - self._clock()):
                    await self._changed.wait()
                due = min(due, self._clock() + next_tick(self.state, self._clock()))
            except TimeoutError:
                due = self._clock() + next_tick(self.state, self._clock())
                leaving = [(pool.name, name) for pool in self.state.pools.values() for name in pool.leaving]
                if leaving:
                    self.post(ActiveCounted(await self.plane.active(leaving)))
                self.post(TimePassed())
