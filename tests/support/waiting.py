"""Waiting for a condition with a deadline, never for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

DEADLINE = 30.0


async def until(condition: Callable[[], object | Awaitable[object]], what: str = "the condition") -> None:
    """Return once ``condition()`` (awaited where it is a coroutine) is true; fail after the deadline."""
    end = time.monotonic() + DEADLINE
    while True:
        found = condition()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {DEADLINE:g} s")
        await asyncio.sleep(0.01)
