"""Answers that come bit by bit: events as server-sent events (WHATWG HTML §9.2), one JSON object each and a comment now
and then; and texts too long to be written at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from steelyard.status import Event

_KEEP_ALIVE_S = 15.0
_PIECE = 1 << 16


async def server_sent(events: AsyncIterator[Event], closing: asyncio.Event) -> AsyncIterator[str]:
    """Until the events end, the caller leaves, or the API closes."""
    yield ": steelyard events\n\n"
    closed = asyncio.ensure_future(closing.wait())
    coming = asyncio.ensure_future(_next(events))
    try:
        while True:
            done, _ = await asyncio.wait({coming, closed}, timeout=_KEEP_ALIVE_S, return_when=asyncio.FIRST_COMPLETED)
            if closed in done:
                return
            if coming not in done:
                yield ": still here\n\n"
                continue
            event = coming.result()
            if event is None:
                return
            yield f"event: {event.kind}\ndata: {event.model_dump_json()}\n\n"
            coming = asyncio.ensure_future(_next(events))
    finally:
        closed.cancel()
        coming.cancel()


async def _next(events: AsyncIterator[Event]) -> Event | None:
    return await anext(events, None)


async def in_pieces(texts: Iterable[str]) -> AsyncIterator[str]:
    """A long text as it is written. Between two parts the event loop does what else waits; short ones go together."""
    gathered: list[str] = []
    size = 0
    for text in texts:
        gathered.append(text)
        size += len(text)
        if size >= _PIECE:
            yield "".join(gathered)
            gathered, size = [], 0
        await asyncio.sleep(0)
    yield "".join(gathered)
