"""Waiting inside code that cannot await: ``request.session["user"]`` in an ``async def`` loads on first use.

The application runs in a greenlet. When its plain code needs something that must be awaited, it switches to the caller,
which awaits it on the event loop while other requests go on, and switches back with the result. SQLAlchemy's asyncio
extension made the technique known. Code in a worker thread (a FastAPI ``def`` endpoint) waits for the event loop
instead. Where neither is possible (a task that the application started by itself) the caller is told to
``await session.load()``.

A new greenlet costs 7 µs, nearly all of it for the memory of its stack, which is mapped and unmapped; a switch costs
less than one. So greenlets are kept and run the steps of one request after those of another.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeVar

import greenlet

from steelyard.sessions.errors import NotLoaded

T = TypeVar("T")

_KEPT = 64
"""Idle greenlets a thread keeps, at 16 KiB: as many requests may be in the middle of a step's wait at once for free."""


class _Worker(greenlet.greenlet):
    """Runs one step of a coroutine after another. What goes in and out lies in attributes, and is taken from there:
    what a switch carries would be held until the next one, with all the frames of an exception."""

    caller: greenlet.greenlet | None = None
    """Who runs this step and awaits what it wants."""
    job: tuple[Callable[[Any], Any], Any] | None = None
    wanted: Awaitable[Any] | None = None
    """What the step waits for; None: it is done, and ``outcome`` is there."""
    outcome: tuple[Any, BaseException | None] | None = None
    """Of the step, or of what it waited for: a value or an error."""

    def run(self) -> None:
        while True:
            self._step()
            self.call()

    def _step(self) -> None:
        assert self.job is not None
        (step, sent), self.job = self.job, None
        try:
            self.outcome = step(sent), None
        except greenlet.GreenletExit:  # nobody needs us any more
            raise
        except BaseException as error:
            self.outcome = None, error

    def call(self) -> None:
        """Switch to the caller."""
        assert self.caller is not None
        self.caller.switch()

    def resume(self) -> None:
        """Go on, until the step wants something or is done. The caller may be another one than before: within another
        bridge each step has its own."""
        self.caller = greenlet.getcurrent()
        self.switch()
        self.caller = None

    def end(self) -> None:
        """Unwind whatever runs in it. Dropped, it would stay: its frames refer to it, and no collector sees them."""
        self.caller = self.parent = greenlet.getcurrent()
        self.throw()
        self.caller = None

    def take(self) -> tuple[Any, BaseException | None]:
        """The outcome, once."""
        outcome, self.outcome = self.outcome, None
        assert outcome is not None
        return outcome


class _Idle(threading.local):
    """The idle workers of a thread: a greenlet never leaves its thread, and ends only while the thread lives."""

    def __init__(self) -> None:
        self.workers: list[_Worker] = []
        self.keeper: AsyncGenerator[None, None] | None = None

    def begin(self) -> None:
        """Keep workers until the event loop shuts down, which tells all asynchronous generators."""
        self.keeper = _until_shutdown(self)
        with contextlib.suppress(StopIteration):
            self.keeper.asend(None).send(None)  # up to its yield


async def _until_shutdown(idle: _Idle) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        # After the end of the thread they could not end any more, and their stacks would stay.
        while idle.workers:
            idle.workers.pop().end()
        idle.keeper = None


_idle = _Idle()


class Bridged(Awaitable[T]):
    """A coroutine whose plain code may call ``wait_for``."""

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, T]:
        sent: Any = None
        step: Callable[[Any], Any] = self._coroutine.send
        if _idle.keeper is None:
            _idle.begin()
        idle = _idle.workers
        try:
            while True:
                worker = idle.pop() if idle else _Worker()
                worker.gr_context = _context()
                worker.job = step, sent
                worker.resume()
                while worker.wanted is not None:
                    yield from _await_for(worker)
                yielded, error = worker.take()
                worker.gr_context = None
                if len(idle) < _KEPT:
                    idle.append(worker)
                else:
                    worker.end()
                del worker
                if error is not None:
                    if isinstance(error, StopIteration):
                        return error.value  # type: ignore[no-any-return]
                    try:
                        raise error
                    finally:
                        del error  # or it would hold the frame that holds it
                try:
                    sent, step = (yield yielded), self._coroutine.send
                except GeneratorExit:
                    raise
                except BaseException as thrown:
                    sent, step = thrown, self._coroutine.throw
        finally:
            self._coroutine.close()


def _await_for(worker: _Worker) -> Generator[Any, Any, None]:
    """Await what a step wants, and let it go on with what came of it."""
    wanted, worker.wanted = worker.wanted, None
    assert wanted is not None
    try:
        worker.outcome = (yield from wanted.__await__()), None
    except GeneratorExit as end:  # we are being closed: unwind the step while it still can be
        worker.outcome = None, end
        worker.resume()
        worker.end()
        raise
    except BaseException as error:
        worker.outcome = None, error
    worker.resume()


def _context() -> contextvars.Context | None:
    """The context of the running task, shared with the worker, so that context variables set inside stay set."""
    context: contextvars.Context | None = greenlet.getcurrent().gr_context
    return context


def wait_for(make: Callable[[], Awaitable[T]], loop: asyncio.AbstractEventLoop) -> T:
    """The result of an awaitable, in code that cannot await. ``loop`` is the event loop that the request runs on."""
    current = greenlet.getcurrent()
    if isinstance(current, _Worker):
        current.wanted = make()
        current.call()
        value, error = current.take()
        if error is not None:
            try:
                raise error
            finally:
                del error
        return value  # type: ignore[no-any-return]
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
