"""Waits that share a timer."""

from __future__ import annotations

import asyncio

import pytest

from steelyard.sessions.stores.deadlines import Deadlines


async def until_late(deadlines: Deadlines) -> str:
    try:
        with deadlines.each():
            await asyncio.Event().wait()
    except TimeoutError:
        return "late"
    return "in time"


async def test_each_wait_ends_when_its_time_is_over() -> None:
    deadlines = Deadlines(0.01)
    assert await asyncio.gather(*(until_late(deadlines) for _ in range(5))) == ["late"] * 5
    assert await until_late(deadlines) == "late", "the timer starts again"


async def test_what_ends_in_time_is_left_alone() -> None:
    deadlines = Deadlines(30)
    for _ in range(3):
        with deadlines.each():
            await asyncio.sleep(0)
    with pytest.raises(KeyError), deadlines.each():
        raise KeyError("its own error")
    deadlines.close()


async def test_a_task_that_waited_too_long_is_not_cancelled_afterwards() -> None:
    deadlines = Deadlines(0.01)

    async def go_on() -> str:
        await until_late(deadlines)
        await asyncio.sleep(0)
        return "went on"

    task = asyncio.create_task(go_on())
    assert await task == "went on"
    assert task.cancelling() == 0


async def test_a_cancellation_from_outside_is_none_of_ours() -> None:
    deadlines = Deadlines(30)
    begun = asyncio.Event()

    async def wait() -> None:
        with deadlines.each():
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    deadlines.close()


async def test_within_a_shorter_timeout_of_others() -> None:
    deadlines = Deadlines(30)

    async def wait() -> None:
        with deadlines.each():
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(wait(), 0.01)
    deadlines.close()


def test_made_before_its_loop_runs() -> None:
    deadlines = Deadlines(0.01)
    assert asyncio.run(until_late(deadlines)) == "late"
