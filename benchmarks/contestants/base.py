"""What a contestant is asked to do (``Work``), and what it is once it runs (``Running``)."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benchmarks import usage
from benchmarks.processes import Process, Room


@dataclass(frozen=True, slots=True)
class Work:
    """The same for all; each contestant translates it into its own configuration.

    Always: one worker on one core, round robin, HTTP/1.1 keep-alive on both sides, X-Forwarded-For.
    """

    origin_port: int
    servers: int = 3
    logs: bool = True
    """An access log of one line a request, into a file of its own."""
    probes: bool = True
    """An HTTP health check of every server each two seconds, and metrics to read, where the program has them."""
    large_bodies: bool = False
    """Whatever the program offers for moving large bodies cheaply is switched on."""

    def addresses(self) -> list[str]:
        """The servers: the one origin under as many loopback addresses as are needed."""
        return [f"127.1.{number // 250}.{number % 250 + 1}:{self.origin_port}" for number in range(self.servers)]


@dataclass(frozen=True, slots=True)
class Running:
    """A contestant that answers on ``port``."""

    name: str
    port: int
    process: Process
    log: Path | None = None
    control: str = ""
    """Where changes are asked for while it runs: an address or a socket's path, by the contestant's own habit."""

    def cpu(self) -> usage.Cpu:
        return usage.cpu(self.process.pid)

    def memory(self) -> usage.Memory:
        return usage.memory(self.process.pid)

    def empty_log(self) -> None:
        """So that a long run does not fill the disk; all append, so that this is safe while they write."""
        if self.log and self.log.exists():
            os.truncate(self.log, 0)


class Contestant(ABC):
    name: ClassVar[str]
    title: ClassVar[str]
    what: ClassVar[str]
    """One phrase for the reader of the results."""

    @abstractmethod
    def missing(self) -> str:
        """Why it cannot take part here and what would help; empty when it can."""

    @abstractmethod
    def version(self) -> str: ...

    @abstractmethod
    def start(self, work: Work, room: Room) -> Running:
        """Configured and started, but not waited for."""

    def change_weight(self, one: Running, weight: int) -> float | None:
        """Gives the first server another weight; seconds until that was acknowledged, None if it cannot."""
        return None


def in_path(program: str) -> str:
    """The program's path, also where the system's own programs are, or an empty string."""
    for directory in [*os.environ.get("PATH", "").split(":"), "/usr/sbin", "/usr/local/sbin"]:
        path = Path(directory) / program
        if directory and path.is_file() and os.access(path, os.X_OK):
            return str(path)
    return ""
