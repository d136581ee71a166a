"""``asyncio.timeout`` for many short waits of one length: one timer for all of them.

A timer for every command costs half as much as its round trip on loopback (decision 0121). Waits of one length end in
the order in which they began, so the timer is always the oldest one's, and looks at the next when it fires.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class Deadlines:
    """``with deadlines.each():`` around an ``await`` of one event loop; ``TimeoutError`` when it took longer."""

    def __init__(self, seconds: float) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._seconds = seconds
        self._waiting: dict[_Wait, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def each(self) -> _Wait:
        """One wait."""
        return _Wait(self)

    def begin(self, wait: _Wait) -> None:
        """A wait begins; the first one says on which loop."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        wait.until = loop.time() + self._seconds
        self._waiting[wait] = None
        if self._timer is None:
            self._timer = loop.call_at(wait.until, self._look, loop)

    def end(self, wait: _Wait) -> None:
        """A wait is over, in whatever way."""
        self._waiting.pop(wait, None)

    def close(self) -> None:
        """No more waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer, now = None, loop.time()
        while self._waiting:
            oldest = next(iter(self._waiting))
            if oldest.until > now:
                self._timer = loop.call_at(oldest.until, self._look, loop)
                return
            del self._waiting[oldest]
            oldest.cancel()


class _Wait:
    """One wait of one task, ended as ``asyncio.timeout`` does it: cancelled, and told from other cancellations."""

    __slots__ = ("_before", "_deadlines", "_late", "_task", "until")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._late = False
        self.until = 0.0

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._before = task, task.cancelling()
        self._deadlines.begin(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadlines.end(self)
        if self._late and self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def cancel(self) -> None:
        """It took too long."""
        self._late = True
        self._task.cancel()
