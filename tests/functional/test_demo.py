"""The demonstration as a stranger runs it: the real command, real processes, a real kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

DEMO = (sys.executable, "-m", "steelyard", "demo")


def children_of(pid: int) -> set[int]:
    """The process ids whose parent is ``pid``."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.add(int(stat.parent.name))
    return found


def test_ends_by_itself_and_no_request_failed() -> None:
    ended = subprocess.run([*DEMO, "--seconds", "6", "--json"], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    summary = json.loads(ended.stdout)
    assert summary["failures"] == 0, summary["faults"]
    assert summary["requests"] > 100
    assert summary["kills"] == 1
    assert set(summary["shares"]) == {"a", "b", "c"}
    assert all(share > 0 for share in summary["shares"].values())
    assert summary["shares"]["a"] > summary["shares"]["c"], "the fast server gets more under least-connections"


def test_prints_what_to_try_where_there_is_no_terminal() -> None:
    ended = subprocess.run([*DEMO, "--seconds", "4"], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    assert "http://127.0.0.1:" in ended.stdout
    assert "kill -9 server b" in ended.stdout
    assert "failures" in ended.stdout


def test_interrupt_ends_cleanly_with_a_summary() -> None:
    with subprocess.Popen([*DEMO], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "req/s" in line:
                break
        children = children_of(process.pid)
        assert len(children) >= 3, "servers and load are processes of their own"
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
        assert "requests" in output
        assert "Traceback" not in errors
    assert not any(alive(child) for child in children)


def test_children_do_not_outlive_a_killed_demonstration() -> None:
    with subprocess.Popen([*DEMO], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "req/s" in line:
                break
        children = children_of(process.pid)
        process.kill()
    deadline = time.monotonic() + 20
    while any(alive(child) for child in children):
        assert time.monotonic() < deadline, "a child outlived its parent"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        os.kill(pid, 0)
    except (OSError, ProcessLookupError):
        return False
    return state != "Z"
