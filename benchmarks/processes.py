"""Starts and ends every process of a run: pinned to its core, in its own process group, ended however the run ends.

Each child asks the kernel to be told when we are gone (``pinned.c``); ``Room`` ends those that are left when it closes.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from benchmarks.native import BUILT, Programs

DESCRIPTORS = 65536
STOP_SECONDS = 5.0
READY_SECONDS = 60.0


class ProcessError(Exception):
    """A process did not start, did not answer in time or ended too early; the message holds what it wrote."""


@dataclass(slots=True)
class Process:
    """One process group that we started."""

    name: str
    popen: subprocess.Popen[bytes]
    errors: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    def read_line(self, seconds: float = READY_SECONDS) -> str:
        """The next line of its standard output."""
        stdout = self._pipe(self.popen.stdout)
        readable, _, _ = select.select([stdout], [], [], seconds)
        line = stdout.readline().decode() if readable else ""
        if not line:
            raise ProcessError(f"{self.name} said nothing for {seconds:g} s or ended: {self.last_words()}")
        return line.strip()

    def write_line(self, line: str) -> None:
        stdin = self._pipe(self.popen.stdin)
        stdin.write(f"{line}\n".encode())
        stdin.flush()

    def last_words(self) -> str:
        return self.errors.read_text(errors="replace")[-2000:].strip() or "(it wrote no error)"

    def stop(self) -> None:
        """Ends the group: politely, then surely."""
        for stop_signal in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.popen.pid, stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(STOP_SECONDS)
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None:
            raise ProcessError("the process was started without a pipe")
        return pipe


@dataclass(slots=True)
class Room:
    """Where a run happens: its cores, its programs, a directory of its own, and the processes that live in it."""

    programs: Programs
    proxy_core: int
    load_core: int
    directory: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="run-", dir=BUILT)))
    processes: list[Process] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self.processes):
            process.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(
        self, name: str, core: int, command: Sequence[str | Path], *, stdout: Path | None = None, talk: bool = False
    ) -> Process:
        """Starts a program on a core. ``talk``: its standard input and output are pipes to us."""
        errors = self.directory / f"{name}.{len(self.processes)}.stderr"
        with contextlib.ExitStack() as files:
            out: int | IO[bytes] = subprocess.PIPE if talk else subprocess.DEVNULL
            if stdout:
                out = files.enter_context(stdout.open("ab"))
            popen = subprocess.Popen(
                [self.programs.pinned, str(os.getpid()), str(core), str(DESCRIPTORS), *command],
                stdin=subprocess.PIPE if talk else subprocess.DEVNULL,
                stdout=out,
                stderr=files.enter_context(errors.open("wb")),
                start_new_session=True,
                cwd=self.directory,
            )
        process = Process(name, popen, errors)
        self.processes.append(process)
        return process

    def stop(self, process: Process) -> None:
        process.stop()
        self.processes.remove(process)


def free_port() -> int:
    """A port of loopback that is free now; the caller takes it at once."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_it_answers(process: Process, port: int, seconds: float = READY_SECONDS, pause: float = 0.002) -> float:
    """Waits for a 200 on the port; returns ``time.monotonic()`` of that moment."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answers(port):
            return time.monotonic()
        if process.popen.poll() is not None:
            raise ProcessError(f"{process.name} ended while it started: {process.last_words()}")
        time.sleep(pause)
    raise ProcessError(f"{process.name} does not answer on port {port} after {seconds:g} s: {process.last_words()}")


def wait_until(condition: Callable[[], bool], what: str, seconds: float = READY_SECONDS, pause: float = 0.002) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ProcessError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(pause)


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
