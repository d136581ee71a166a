"""``python -m benchmarks`` itself: a smallest run from end to end, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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
