"""The commands against a real admin API over a balancer in memory, each called as ``main`` calls it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from steelyard.admin.server import AdminServer
from steelyard.cli.app import run
from tests.unit.admin.fake import FakeBalancer


@dataclass
class Result:
    status: int
    out: str
    err: str


@dataclass
class Running:
    balancer: FakeBalancer
    address: str
    loop: asyncio.AbstractEventLoop


@pytest.fixture
def running() -> Iterator[Running]:
    """The API in a thread of its own, as it is in a process of its own."""
    started: list[Running] = []
    ready = threading.Event()
    ended = asyncio.Event()

    async def serve() -> None:
        balancer = FakeBalancer()
        async with AdminServer(balancer, "127.0.0.1:0") as admin:
            started.append(Running(balancer, admin.address, asyncio.get_running_loop()))
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    yield started[0]
    started[0].loop.call_soon_threadsafe(ended.set)
    thread.join()


@pytest.fixture
def steelyard(
    running: Running, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """``steelyard("drain", "web/a")``: the command with these words."""
    monkeypatch.setenv("STEELYARD_ADMIN", running.address)

    def call(*words: str) -> Result:
        monkeypatch.setattr("sys.argv", ["steelyard", *words])
        with pytest.raises(SystemExit) as ending:
            run()
        captured = capsys.readouterr()
        code = ending.value.code
        return Result(code if isinstance(code, int) else 0, captured.out, captured.err)

    return call
