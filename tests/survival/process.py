"""``steelyard run`` as a process of its own, for tests in one event loop with the load and the servers."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.support.waiting import until


class Running:
    """The command, from its start block until the block ends; ``api`` speaks to its admin API."""

    def __init__(self, file: Path, *, descriptors: int = 0, threads: int = 2) -> None:
        self._file = file
        self._descriptors = descriptors
        self._threads = threads
        self.told: list[dict[str, Any]] = []
        self.text: list[str] = []

    async def __aenter__(self) -> Self:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "steelyard", "run", str(self._file), "--threads", str(self._threads), "--json"),
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=self._limit if self._descriptors else None,
        )
        self._reading = asyncio.create_task(self._read())
        await until(lambda: self._told("started") or self.process.returncode is not None, "the start")
        started = self._told("started")
        assert started, "".join(self.text)
        self.address: str = started["services"]["www"]
        self.api = httpx.AsyncClient(base_url=f"http://{started['admin']}/v1", timeout=60)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.api.aclose()
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(20):
                    await self.process.wait()
            except TimeoutError:
                self.process.kill()
        await self._reading

    async def status(self) -> dict[str, Any]:
        """``GET /v1/status``."""
        response = await self.api.get("/status")
        assert response.status_code == 200, response.text
        status: dict[str, Any] = response.json()
        return status

    async def server(self, name: str) -> dict[str, Any]:
        """One server of the first pool."""
        servers = (await self.status())["pools"][0]["servers"]
        return next(server for server in servers if server["id"] == name)

    async def do(self, method: str, path: str, body: Any = None) -> None:
        """A change; returns when it is acknowledged."""
        response = await self.api.request(method, path, json=body, headers={"Content-Type": "application/json"})
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"

    def memory(self) -> int:
        """Resident bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def descriptors(self) -> int:
        """Open file descriptors."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def _limit(self) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (self._descriptors, self._descriptors))

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.text.append(line.decode())
            if line.startswith(b"{"):
                self.told.append(json.loads(line))

    def _told(self, kind: str) -> dict[str, Any] | None:
        return next((line for line in reversed(self.told) if line.get("kind") == kind), None)


def write(file: Path, servers: dict[str, str], *, pool: str = "", service: str = "", rest: str = "") -> Path:
    """A configuration with one service ``www`` before one pool ``web``, put in place in one step."""
    members = "\n".join(f'  {{ id = "{name}", address = "{address}" }},' for name, address in servers.items())
    new = file.with_suffix(".new")
    new.write_text(
        f'[admin]\nlisten = "127.0.0.1:0"\n{rest}\n'
        f'[services.www]\nmode = "proxy"\nlisten = "127.0.0.1:0"\npool = "web"\n{service}\n'
        f"[pools.web]\n{pool}\nservers = [\n{members}\n]\n"
    )
    new.replace(file)
    return file
