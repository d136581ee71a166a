"""The bridge where nothing else waits: an application that ends right after its session was loaded."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from steelyard.sessions.bridge import Bridged, wait_for


async def slow(value: str) -> str:
    await asyncio.sleep(0)
    return value


async def test_the_end_right_after_a_wait() -> None:
    loop = asyncio.get_running_loop()

    async def application() -> str:
        return wait_for(lambda: slow("loaded"), loop) + wait_for(lambda: slow(" twice"), loop)

    assert await Bridged(application()) == "loaded twice"


async def test_an_error_right_after_a_wait() -> None:
    loop = asyncio.get_running_loop()

    async def application() -> None:
        wait_for(lambda: slow("loaded"), loop)
        raise KeyError("basket")

    with pytest.raises(KeyError, match="basket"):
        await Bridged(application())


async def test_an_error_of_what_is_awaited_is_the_applications_to_handle() -> None:
    loop = asyncio.get_running_loop()

    async def broken() -> str:
        await asyncio.sleep(0)
        raise OSError("away")

    async def application() -> str:
        try:
            return wait_for(broken, loop)
        except OSError as error:
            return str(error)

    assert await Bridged(application()) == "away"


async def test_closed_while_it_waits() -> None:
    loop = asyncio.get_running_loop()
    unwound: list[str] = []

    async def application() -> Any:
        try:
            return wait_for(lambda: slow("never"), loop)
        finally:
            unwound.append("yes")

    running = Bridged(application()).__await__()
    next(running)
    running.close()
    assert unwound == ["yes"]


async def test_cancelled_while_it_waits() -> None:
    loop = asyncio.get_running_loop()
    waiting = asyncio.Event()

    async def forever() -> None:
        waiting.set()
        await asyncio.Event().wait()

    async def application() -> None:
        wait_for(forever, loop)

    async def run() -> None:
        await Bridged(application())

    task = asyncio.create_task(run())
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
