"""``python -m benchmarks`` itself: a smallest run from end to end, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import usage
from benchmarks.contestants import CONTESTANTS
from benchmarks.native import Programs

ROOT = Path(__file__).parents[3]


def benchmarks(*options: str, cores: set[int] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *options]
    if cores:
        command = ["taskset", "-c", ",".join(map(str, cores)), *command]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=110)


def two_cores_or_skip() -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("a run needs two cores")


@pytest.mark.parametrize("name", ["relay", "nginx", "haproxy"])
def test_a_smallest_run_measures_and_fails_no_request(name: str, programs: Programs, tmp_path: Path) -> None:
    two_cores_or_skip()
    if reason := CONTESTANTS[name].missing():
        pytest.skip(f"{name}: {reason}")
    file = tmp_path / "found.json"
    small = ["--rounds", "1", "--seconds", "0.1", "--scenario", "requests", "--scenario", "bodies"]
    done = benchmarks("--contestants", name, *small, "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(file.read_text())
    assert list(found["versions"]) == [name]
    metrics = {metric["key"]: metric for result in found["results"] for metric in result["metrics"]}
    assert all(metrics[key]["rounds"][name][0] > 0 for key in ("cpu", "cpu-logs-off", "throughput", "large"))
    assert not [note for result in found["results"] for note in result["notes"] if "failed" in note]
    assert {target["met"] for target in found["targets"]} == {None}


def test_one_core_is_refused_with_a_sentence() -> None:
    done = benchmarks("--quick", cores={min(os.sched_getaffinity(0))})
    assert done.returncode == 1
    assert "this needs two cores" in " ".join(done.stdout.split())


@pytest.mark.parametrize("option", ["scenario", "contestants"])
def test_an_unknown_word_is_refused_with_the_known_ones(option: str) -> None:
    done = benchmarks(f"--{option}", "apache")
    assert done.returncode == 2
    assert "'apache': expected" in " ".join(done.stdout.split())


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_process_behind(programs: Programs, stop: signal.Signals) -> None:
    two_cores_or_skip()
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "--contestants",
        "relay",
        "--seconds",
        "60",
        "--scenario",
        "requests",
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        members: set[int] = set()
        deadline = time.monotonic() + 60
        while len(members) < 4:  # itself, the origin, the relay and the generator
            assert time.monotonic() < deadline, f"only {members} were started"
            members = {pid for pid in usage.family(run.pid) if Path(f"/proc/{pid}").exists()}
            time.sleep(0.01)
        run.send_signal(stop)
        said = run.communicate(timeout=60)[0]
    assert run.returncode == 1
    assert "every process that was started has ended" in " ".join(said.split())
    assert [pid for pid in members if Path(f"/proc/{pid}").exists()] == []
