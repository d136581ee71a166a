"""The stream of events. Every subscriber has its own bounded queue: one too slow loses the oldest, and is told."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections import deque
from collections.abc import AsyncIterator

from steelyard.status import Event

CAPACITY = 1000


class EventStream(AsyncIterator[Event]):
    """Events from its making on; ends when the balancer does."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._events: deque[Event] = deque(maxlen=capacity)
        self._lost = 0
        self._ended = False
        self._news = asyncio.Event()

    def put(self, event: Event) -> None:
        self._lost += len(self._events) == self._events.maxlen
        self._events.append(event)
        self._news.set()

    def end(self) -> None:
        """What is queued is still read."""
        self._ended = True
        self._news.set()

    async def __anext__(self) -> Event:
        while not self._events:
            if self._ended:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        if self._lost:
            lost, self._lost = self._lost, 0
            return Event(at=time.time(), kind="events-lost", message=f"{lost} events were lost: read faster")
        return self._events.popleft()


class Subscribers:
    def __init__(self) -> None:
        self._streams: weakref.WeakSet[EventStream] = weakref.WeakSet()
        self._ended = False

    def subscribe(self) -> EventStream:
        """Forgotten when the stream is no longer referred to."""
        stream = EventStream()
        if self._ended:
            stream.end()
        self._streams.add(stream)
        return stream

    def tell(self, event: Event) -> None:
        for stream in list(self._streams):
            stream.put(event)

    def end(self) -> None:
        self._ended = True
        for stream in list(self._streams):
            stream.end()
