"""The processes of the shop: three servers, the users, and programs such as redis-server; and what they weigh."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from steelyard.demo.children import ServerProcess, start_child
from steelyard.demo.sessions.record import Record
from steelyard.errors import SteelyardError


@dataclass(slots=True)
class ShopProcess(ServerProcess):
    """One server of the shop. After ``kill`` it can be started again, on the same port and with the same store."""

    store: str = ""

    def _command(self) -> tuple[str, ...]:
        return ("sessions.shop", "--id", self.id, "--store", self.store, "--port", str(self.port))


@dataclass(slots=True)
class UsersProcess:
    """The users; ``saw`` is called with every part of what they noticed."""

    port: int
    users: int
    saw: Callable[[Record], None]
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)
    reading: asyncio.Task[None] | None = field(default=None, repr=False)

    async def start(self) -> None:
        self.process = await start_child("sessions.users", "--port", str(self.port), "--users", str(self.users))
        self.reading = asyncio.create_task(self._read(self.process))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.saw(Record.from_json(json.loads(line)))

    async def stop(self) -> None:
        """Let them check their baskets, and take in the last part."""
        process, self.process = self.process, None
        if process is not None and self.reading is not None:
            assert process.stdin is not None
            process.stdin.close()
            await self.reading
            await process.wait()


@asynccontextmanager
async def program(command: list[str], port: int) -> AsyncIterator[int]:
    """A program from the first connection it takes on ``port`` until the block ends; gives its process id."""
    keeper = await start_child("sessions.keeper", *command)
    try:
        assert keeper.stdout is not None
        pid = int(await keeper.stdout.readline())
        async with asyncio.timeout(20):
            while not await _listens(port):
                if not resident_mib(pid):
                    raise SteelyardError(f"{command[0]} did not start: see the message above, or run it by hand")
                await asyncio.sleep(0.02)
        yield pid
    except TimeoutError:
        raise SteelyardError(f"{command[0]} does not listen on port {port} after 20 s") from None
    finally:
        assert keeper.stdin is not None
        keeper.stdin.close()
        await keeper.wait()


async def _listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def resident_mib(pid: int) -> float:
    """What a process holds in memory (VmRSS, proc(5)); 0 when it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0
