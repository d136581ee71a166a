"""The bridge where nothing else waits: an application that ends right after its session was loaded."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import threading
import warnings
import weakref
from typing import Any

import greenlet
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


async def test_many_wait_at_once_and_each_gets_its_own() -> None:
    loop = asyncio.get_running_loop()

    async def application(number: int) -> list[str]:
        got = []
        for turn in range(5):
            value = f"{number}.{turn}"
            got.append(wait_for(lambda value=value: slow(value), loop))  # type: ignore[misc]
            await asyncio.sleep(0)
        return got

    async def run(number: int) -> list[str]:
        return await Bridged(application(number))

    every = await asyncio.gather(*(run(number) for number in range(200)))
    assert every == [[f"{number}.{turn}" for turn in range(5)] for number in range(200)]


async def test_a_bridge_within_a_bridge() -> None:
    """Two session middlewares, one around the other: each wait goes to the caller of its own step."""
    loop = asyncio.get_running_loop()

    async def inner() -> str:
        first = wait_for(lambda: slow("one"), loop)
        await asyncio.sleep(0)
        return first + wait_for(lambda: slow(" two"), loop)

    async def outer() -> str:
        before = wait_for(lambda: slow("before "), loop)
        found = await Bridged(inner())
        return before + found + wait_for(lambda: slow(" after"), loop)

    async def run() -> str:
        return await Bridged(outer())

    assert await asyncio.gather(*(run() for _ in range(20))) == ["before one two after"] * 20


async def test_context_variables_stay_set() -> None:
    loop = asyncio.get_running_loop()
    user: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")

    async def application(name: str) -> str:
        user.set(name)
        wait_for(lambda: slow("loaded"), loop)
        await asyncio.sleep(0)
        return user.get()

    async def run(name: str) -> str:
        found = await Bridged(application(name))
        assert user.get() == name, "seen around the application too, as without a bridge"
        return found

    names = [f"user {number}" for number in range(20)]
    assert await asyncio.gather(*(asyncio.create_task(run(name)) for name in names)) == names
    assert user.get() == "nobody"


async def test_nothing_of_a_request_is_kept_with_the_greenlet() -> None:
    class Request:
        """Something that a request holds."""

    async def application(fails: bool, held: list[Request]) -> None:
        request = held.pop()
        wait_for(lambda: slow("loaded"), asyncio.get_running_loop())
        await asyncio.sleep(0)
        if fails:
            raise KeyError(request)

    for fails in (False, True):
        held = [Request()]
        seen = weakref.ref(held[0])
        with contextlib.suppress(KeyError):
            await Bridged(application(fails, held))
        gc.collect()
        assert seen() is None


async def test_left_waiting_when_nobody_needs_it() -> None:
    """A request that is dropped in the middle of a wait unwinds; the next one is not disturbed."""
    loop = asyncio.get_running_loop()
    unwound: list[str] = []

    async def application() -> None:
        try:
            wait_for(lambda: slow("never"), loop)
        finally:
            unwound.append("yes")
            wait_for(lambda: slow("too late"), loop)

    running = Bridged(application()).__await__()
    next(running)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is wanted too late is never awaited
        with contextlib.suppress(ValueError):
            running.close()
        del running
        gc.collect()
    assert unwound == ["yes"]
    await test_the_end_right_after_a_wait()


def test_no_greenlet_outlives_its_event_loop() -> None:
    seen: list[weakref.ref[greenlet.greenlet]] = []

    async def application() -> None:
        wait_for(lambda: slow("loaded"), asyncio.get_running_loop())
        seen.append(weakref.ref(greenlet.getcurrent()))

    async def run() -> None:
        await Bridged(application())

    async def many() -> int:
        await asyncio.gather(*(run() for _ in range(200)))
        return sum(each() is not None for each in seen)

    kept: list[int] = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: kept.append(asyncio.run(many())))
        thread.start()
        thread.join()
        gc.collect()
        assert [each for each in seen if each() is not None] == []
    assert all(0 < count <= 64 for count in kept), "some for the next requests, not as many as there once were"
