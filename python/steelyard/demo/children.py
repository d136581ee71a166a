"""The child processes of the demonstration: started, spoken to over pipes, killed and waited for.

Each ends when its standard input ends, so none outlives us even if we are killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from steelyard.demo.tally import Tally
from steelyard.errors import SteelyardError


async def start_child(module: str, *arguments: str) -> asyncio.subprocess.Process:
    """``python -m steelyard.demo.MODULE`` with pipes to it and from it."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", f"steelyard.demo.{module}", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is ours to handle: the children end after the load has been counted
    )


@dataclass(slots=True)
class ServerProcess:
    """One server. After ``kill`` it can be started again, on the same port."""

    id: str
    delay_ms: float
    port: int = 0
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        return self.process is not None

    async def start(self) -> None:
        """Start and wait until it listens."""
        self.process = await start_child(*self._command())
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            raise SteelyardError(f"demo server {self.id} did not start: see the message above")
        self.port = int(line)

    def _command(self) -> tuple[str, ...]:
        return ("server", "--id", self.id, "--delay-ms", str(self.delay_ms), "--port", str(self.port))

    async def kill(self) -> None:
        """SIGKILL: no goodbye, connections are reset. Nothing to do when it is already dead."""
        if self.process is not None:
            process, self.process = self.process, None
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


@dataclass(slots=True)
class LoadProcess:
    """The load; ``saw`` is called with every part of the tally."""

    port: int
    clients: int
    saw: Callable[[Tally], None]
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)
    reading: asyncio.Task[None] | None = field(default=None, repr=False)

    async def start(self) -> None:
        self.process = await start_child("load", "--port", str(self.port), "--clients", str(self.clients))
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.saw(Tally.from_json(json.loads(line)))

    async def stop(self) -> None:
        """End the load and take in its last part."""
        if self.process is None or self.reading is None:
            return
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.reading
        await self.process.wait()
        self.process = None
