"""Waiting inside code that cannot await: ``request.session["user"]`` in an ``async def`` loads on first use.

The application runs in a greenlet. When its plain code needs something that must be awaited, it switches to the parent,
which awaits it on the event loop while other requests go on, and switches back with the result. SQLAlchemy's asyncio
extension made the technique known. Code in a worker thread (a FastAPI ``def`` endpoint) waits for the event loop
instead. Where neither is possible (a task that the application started by itself) the caller is told to
``await session.load()``.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeVar

import greenlet

from steelyard.sessions.errors import NotLoaded

T = TypeVar("T")


class _Step(greenlet.greenlet):
    """One step of the application's coroutine. Marked, so that ``wait_for`` knows whose child it is."""


class Bridged(Awaitable[T]):
    """A coroutine whose plain code may call ``wait_for``."""

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, T]:
        sent: Any = None
        step: Callable[[Any], Any] = self._coroutine.send
        try:
            while True:
                child = _Step(step)
                child.gr_context = _context()
                try:
                    yielded = child.switch(sent)
                    while not child.dead:
                        resume, result = yield from _await_for(child, yielded)
                        yielded = resume(result)
                except StopIteration as end:
                    return end.value  # type: ignore[no-any-return]
                try:
                    sent, step = (yield yielded), self._coroutine.send
                except GeneratorExit:
                    raise
                except BaseException as error:
                    sent, step = error, self._coroutine.throw
        finally:
            self._coroutine.close()


def _await_for(child: _Step, awaitable: Awaitable[Any]) -> Generator[Any, Any, tuple[Callable[[Any], Any], Any]]:
    """Await what the child asked for; returns how the child goes on and with what.

    The caller lets it go on: the child may end by ``StopIteration``, which no generator may raise (PEP 479).
    """
    try:
        return child.switch, (yield from awaitable.__await__())
    except GeneratorExit as end:  # we are being closed: unwind the child while it still can be
        with contextlib.suppress(StopIteration):
            child.throw(end)
        raise
    except BaseException as error:
        return child.throw, error


def _context() -> contextvars.Context | None:
    """The context of the running task, shared with the child, so that context variables set inside stay set."""
    context: contextvars.Context | None = greenlet.getcurrent().gr_context
    return context


def wait_for(make: Callable[[], Awaitable[T]], loop: asyncio.AbstractEventLoop) -> T:
    """The result of an awaitable, in code that cannot await. ``loop`` is the event loop that the request runs on."""
    current = greenlet.getcurrent()
    if isinstance(current, _Step):
        assert current.parent is not None
        return current.parent.switch(make())  # type: ignore[no-any-return]
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run_coroutine_threadsafe(_as_coroutine(make), loop).result()
    raise NotLoaded(
        "the session is read in a task of its own, where it cannot be loaded without blocking: "
        "await session.load() before, or read it in the request's own task"
    )


async def _as_coroutine(make: Callable[[], Awaitable[T]]) -> T:
    return await make()
