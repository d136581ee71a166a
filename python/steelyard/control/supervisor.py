"""The shell around ``reduce``: one queue of events, one writer, effects performed. Decides nothing.

One task takes the events in order, reduces them, has the planes apply what came out and then performs the rest. A
request of an operator stands alone: when the plane refuses its snapshot, the state before it is in force again and the
requester gets the error. All others are taken together, so that a storm of them costs one snapshot.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

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
from steelyard.control.happened import Happened
from steelyard.control.publish import Renderer
from steelyard.control.reduce import reduce
from steelyard.control.refusals import INTERVAL, Refusals
from steelyard.control.state import ClusterState, ServerState
from steelyard.control.subscribers import EventStream, Subscribers
from steelyard.discovery.resolver import Resolver
from steelyard.errors import PlaneError, Refused, SteelyardError
from steelyard.health.prober import Prober
from steelyard.planes.plane import Plane
from steelyard.status import Event

FIRST_ROUND_MARGIN = 0.25
"""The first probes may take their timeout and so much more before the listeners open all the same."""
FIRST_ROUND_MAX = 10.0
FIRST_ROUND_PATIENCE = 0.5
"""After this time one server up in every pool is enough."""
FIRST_ROUND_STEP = 0.05
TOGETHER = 1000
"""So many events are taken together at most."""
PACE = 2.0
"""After a snapshot that took so long, events gather for so many times as long."""
REFUSED_PAUSE = 1.0
"""After a snapshot that the planes refused."""

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
        self.happened = Happened()
        self._refusals = Refusals(lambda service, message: self.announce("refused", message=message, service=service))
        self._pending: list[Effect] = []
        """Effects to perform; where ``Publish`` is among them, after it."""
        self._publish_at = 0.0
        """Before this time (of the loop) only an operator's request is published."""
        self._refused = False
        """The planes refused what no operator asked for."""
        self._loop_time = asyncio.get_running_loop().time
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, configuration: ConfigChanged) -> None:
        """Probe every server once, then open the listeners."""
        self._tasks = [
            asyncio.create_task(self._write(), name="steelyard-writer"),
            asyncio.create_task(self._tick(), name="steelyard-clock"),
            asyncio.create_task(self._tell_refusals(), name="steelyard-refusals"),
        ]
        await self.request(configuration)
        await self._first_round()
        await self.request(ListenersOpened())
        self.plane.listen_for_failures(lambda samples: self.post(FailuresSeen(samples)))

    async def _first_round(self) -> None:
        """Wait until every server was asked once; not longer than a probe may take, and not for the last servers of
        pools that could already serve: 10,000 servers, or one that says nothing, are no reason to stay closed."""
        pools = [pool for pool in self.state.pools.values() if pool.config.probe is not None and pool.servers]
        longest = max((pool.config.probe.timeout for pool in pools if pool.config.probe), default=0.0)
        ends = self._loop_time() + min(longest + FIRST_ROUND_MARGIN, FIRST_ROUND_MAX)
        patient_until = self._loop_time() + FIRST_ROUND_PATIENCE
        while not await self._prober.first_round(FIRST_ROUND_STEP) and self._loop_time() < ends:
            now = [self.state.pools[pool.name].servers.values() for pool in pools]
            if self._loop_time() >= patient_until and all(map(_one_is_up, now)):
                break

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

    def announce(self, kind: str, pool: str = "", server: str = "", message: str = "", *, service: str = "") -> None:
        event = Event(at=time.time(), kind=kind, service=service, pool=pool, server=server, message=message)
        self.happened.count(event)
        self._subscribers.tell(event)
        place = f" {event.about}" if event.about else ""
        log.info("%s%s%s", kind, place, f": {message}" if message else "")

    async def stop(self, timeout: float) -> int:
        """Stop accepting, wait for what runs, end the rest; returns how many connections were cut."""
        try:
            if self._runs:
                await self.request(StopRequested())
            await self.plane.stop_accepting()
            cut = await self.plane.close(timeout)
            self._refusals.see(await self.plane.rejections())
            return cut
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
            try:
                async with asyncio.timeout_at(self._publish_at if self._pending else None):
                    event, done = await self._queue.get()
            except TimeoutError:
                await self._settle()
                continue
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
        now = self._clock()
        for event in events:
            try:
                self.state, followed = reduce(self.state, event, now)
                self._pending += followed
            except Exception:
                log.exception("a fault of Steelyard: an event is lost, the rest goes on; please report it: %s", event)
        if not self._to_publish or self._loop_time() >= self._publish_at:
            await self._settle()

    async def _settle(self) -> None:
        """Publish if there is something to publish, and then perform the rest of what is pending."""
        if self._to_publish:
            try:
                await self._publish(self.state)
            except PlaneError as error:
                if not self._refused:
                    self.announce("plane-failed", message=f"{error}; tried again every second")
                self._refused = True
                self._publish_at = self._loop_time() + REFUSED_PAUSE
                return
        self._perform()

    async def _answer(self, event: Happening, done: asyncio.Future[None]) -> None:
        """One request: all of it, or nothing."""
        try:
            state, effects = reduce(self.state, event, self._clock())
            if Publish() in effects:
                await self._publish(state)
                self._pending += effects
                self.state = state
                self._perform()
            else:
                self.state = state
                self._pending += effects
                await self._settle()
        except asyncio.CancelledError:
            if not done.done():
                done.set_exception(Refused("the balancer has stopped"))
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
        """Render and apply. Afterwards the writer pauses in proportion, so that a storm costs at most a third of it."""
        started = self._loop_time()
        await self.plane.apply(self._renderer.render(state, self._clock()))
        ended = self._loop_time()
        self._publish_at = ended + PACE * (ended - started)
        self._refused = False

    @property
    def _to_publish(self) -> bool:
        return Publish() in self._pending

    def _perform(self) -> None:
        pending, self._pending = self._pending, []
        for effect in pending:
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

    async def _tell_refusals(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                self._refusals.see(await self.plane.rejections())
            except PlaneError:
                log.exception("what was refused cannot be told; it is still counted")

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


def _one_is_up(servers: Iterable[ServerState]) -> bool:
    return any(server.health.health == "up" for server in servers)
