"""Drives ``native/generator.c``: opens the connections, starts rounds, reads what it counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import Process, Room

SMALL_BODY = 34
LARGE_BODY = 1024 * 1024
GRACE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Load:
    """What one round of requests came to. An answer that is late, wrong or missing is an error, never left out."""

    requests: int
    errors: int
    seconds: float
    p50_us: float
    p90_us: float
    p99_us: float
    p999_us: float
    max_us: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def parse_load(line: str) -> Load:
    found = json.loads(line)
    return Load(found["requests"], found["errors"], found["seconds"], *found["latency_us"])


@dataclass(frozen=True, slots=True)
class Generator:
    """Connections that are open and warm: each has done one request."""

    process: Process

    def go(self, seconds: float, rate: float | None = None) -> Load:
        """A closed loop, or with ``rate`` an open one, for so long; then all that is in flight is waited for."""
        self.process.write_line(f"go {seconds}" + (f" {rate}" if rate else ""))
        return parse_load(self.process.read_line(seconds + GRACE_SECONDS))


@contextmanager
def generator(
    room: Room, port: int, *, path: str = "/", length: int = SMALL_BODY, connections: int = 64
) -> Iterator[Generator]:
    command: list[str | Path] = [room.programs.generator, "--to", str(port), "--path", path]
    command += ["--length", str(length), "--connections", str(connections)]
    process = room.start("generator", room.load_core, command, talk=True)
    try:
        while process.read_line() != "ready":
            pass
        yield Generator(process)
    finally:
        room.stop(process)


def start_origin(room: Room) -> int:
    """The server behind every contestant; returns its port, the same on every loopback address."""
    process = room.start("origin", room.load_core, [room.programs.origin], talk=True)
    return announced_port(process)


def announced_port(process: Process) -> int:
    word, port = process.read_line().split()
    if word != "port":
        raise ValueError(f"{process.name} announced {word!r} instead of its port")
    return int(port)
