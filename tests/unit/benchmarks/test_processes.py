"""No process of a run outlives it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import native
from benchmarks.processes import ProcessError, Room, free_port, wait_until_it_answers

STARTER = """
import os, sys
from benchmarks import native
from benchmarks.processes import Room
room = Room(native.build(), 0, 0)
process = room.start("sleeper", sorted(os.sched_getaffinity(0))[0], ["/bin/sh", "-c", "sleep 600 & wait"])
print(process.pid, room.directory, flush=True)
sys.stdin.read()
"""


def gone(pid: int) -> bool:
    """Ended; a zombie that init has not collected yet has ended too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_for(condition, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.01)


def test_a_process_runs_on_the_core_it_was_given(room: Room) -> None:
    process = room.start("sleeper", room.load_core, ["/bin/sh", "-c", "echo started; exec sleep 600"], talk=True)
    assert process.read_line() == "started"
    assert os.sched_getaffinity(process.pid) == {room.load_core}


def test_the_end_of_the_room_ends_processes_and_their_children(programs: native.Programs) -> None:
    core = sorted(os.sched_getaffinity(0))[0]
    with Room(programs, core, core) as room:
        process = room.start("parent", core, ["/bin/sh", "-c", "sleep 600 & echo $!; wait"], talk=True)
        child = int(process.read_line())
        assert not gone(child)
    wait_for(lambda: gone(process.pid) and gone(child))
    assert not room.directory.exists()


def test_processes_end_when_the_benchmark_is_killed(programs: native.Programs) -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as starter:
        assert starter.stdout
        pid, directory = starter.stdout.readline().decode().split()
        assert not gone(int(pid))
        os.kill(starter.pid, signal.SIGKILL)
    wait_for(lambda: gone(int(pid)))
    for left in Path(directory).iterdir():
        left.unlink()
    Path(directory).rmdir()


def test_one_that_ends_while_it_starts_tells_why(room: Room) -> None:
    process = room.start("broken", room.load_core, ["/bin/sh", "-c", "echo no such thing >&2; exit 3"])
    with pytest.raises(ProcessError, match="broken ended while it started: no such thing"):
        wait_until_it_answers(process, free_port())


def test_silence_is_an_error_that_names_the_silent(room: Room) -> None:
    process = room.start("silent", room.load_core, ["/bin/sh", "-c", "sleep 600"], talk=True)
    with pytest.raises(ProcessError, match="silent said nothing"):
        process.read_line(0.05)
