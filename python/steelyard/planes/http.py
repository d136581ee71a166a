"""The native plane for ``proxy`` and ``tcp``, on asyncio: calls that may wait run in a thread.

Converts and nothing else. The native side wakes us through a descriptor within a moment of a connect failure, a reset
or a timeout; what is less urgent (5xx) is asked for once a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

from steelyard._native import DataPlane, NativeError
from steelyard.config.model import Config
from steelyard.errors import PlaneError
from steelyard.health.passive import Sample
from steelyard.planes.plane import Choice
from steelyard.report import Report, ServerReport

POLL_INTERVAL = 1.0
GATHER_DELAY = 0.02
"""Failures of one moment are taken together."""

T = TypeVar("T")


def _parsed(report: bytes) -> object:
    """``json.loads`` holds the GIL from end to end, with 10,000 servers long enough for a probe to seem late. The hook
    is Python, called once a server, where other threads get their turn."""
    return json.loads(report, object_hook=lambda part: part)


def start(config: Config) -> HttpPlane:
    """Start the threads, with the words of the file that are read once."""
    log = None if config.log.access == "off" else {"target": config.log.access, "format": config.log.format}
    try:
        return HttpPlane(DataPlane(json.dumps({"threads": config.process.threads, "log": log}).encode()))
    except NativeError as error:
        raise PlaneError(str(error)) from error


class HttpPlane:
    def __init__(self, native: DataPlane) -> None:
        self._native = native
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="steelyard-apply")
        """One thread: snapshots arrive in order."""
        self._reader = ThreadPoolExecutor(2, thread_name_prefix="steelyard-read")
        self._listener: asyncio.Task[None] | None = None

    def listen_for_failures(self, deliver: Callable[[tuple[Sample, ...]], None]) -> None:
        self._listener = asyncio.get_running_loop().create_task(self._listen(deliver), name="steelyard-failures")

    async def apply(self, snapshot: bytes) -> None:
        await self._call(self._writer, lambda: self._native.apply(snapshot))

    async def addresses(self) -> dict[str, str]:
        return await self._call(self._reader, self._native.addresses)

    async def report(self) -> Report:
        return cast(Report, await self._call(self._reader, lambda: _parsed(self._native.report())))

    async def server_report(self, pool: str, server: str) -> ServerReport | None:
        found = await self._call(self._reader, lambda: json.loads(self._native.server_report(pool, server)))
        return cast(ServerReport | None, found)

    async def rejections(self) -> dict[str, dict[str, int]]:
        # In no thread: it waits for nothing.
        return cast(dict[str, dict[str, int]], json.loads(self._native.rejections()))

    async def explain(self, pool: str, client: str, cookie: str) -> Choice:
        found = await self._call(self._reader, lambda: json.loads(self._native.explain(pool, client, cookie)))
        return Choice(found["server"], found["reason"])

    async def active(self, servers: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
        wanted = list(servers)
        return await self._call(self._reader, lambda: {each: self._native.active(*each) for each in wanted})

    async def stop_accepting(self) -> None:
        await self._call(self._writer, self._native.stop_accepting)

    async def close(self, timeout: float) -> int:
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        cut = await self._call(self._writer, lambda: self._native.close(round(timeout * 1000)))
        self._writer.shutdown(wait=False)
        self._reader.shutdown(wait=False)
        return cut

    def reopen_log(self) -> None:
        try:
            self._native.reopen_log()
        except NativeError as error:
            raise PlaneError(str(error)) from error

    async def _call(self, executor: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(executor, call)
        except NativeError as error:
            raise PlaneError(str(error)) from error

    async def _listen(self, deliver: Callable[[tuple[Sample, ...]], None]) -> None:
        loop, descriptor, news = asyncio.get_running_loop(), self._native.failures_fd(), asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(descriptor)
            news.set()

        loop.add_reader(descriptor, wake)
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), POLL_INTERVAL)
                    await asyncio.sleep(GATHER_DELAY)
                news.clear()
                if samples := await self._call(self._reader, self._samples):
                    deliver(samples)
        finally:
            loop.remove_reader(descriptor)

    def _samples(self) -> tuple[Sample, ...]:
        return tuple(Sample(**failure) for failure in json.loads(self._native.failures()))
