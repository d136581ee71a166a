"""``steelyard demo sessions`` as a stranger runs it: real servers, a real session server, a real kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.functional.test_demo import alive, children_of

DEMO = (sys.executable, "-m", "steelyard", "demo", "sessions", "--seconds", "4", "--users", "30")

pytestmark = pytest.mark.timeout(300)


def play(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run([*DEMO, *words], capture_output=True, text=True, timeout=280, check=False, env=environment)


@pytest.fixture(scope="module")
def ways() -> dict[str, dict[str, Any]]:
    ended = play("--json")
    assert ended.returncode == 0, ended.stderr + ended.stdout
    assert ended.stderr == ""
    return {way["way"]: way for way in json.loads(ended.stdout)["ways"]}


def test_a_dead_server_takes_its_sessions_with_it_when_sticky(ways: dict[str, dict[str, Any]]) -> None:
    sticky = ways["sticky"]
    assert 0 < sticky["logouts"] < sticky["users"]
    assert sticky["logouts_of_living_servers"] == 0
    assert sticky["kept_its_promise"]


def test_the_other_ways_lose_nothing_that_was_acknowledged(ways: dict[str, dict[str, Any]]) -> None:
    others = [way for name, way in ways.items() if name != "sticky"]
    assert others
    for way in others:
        assert (way["logouts"], way["lost_writes"]) == (0, 0), way
        assert way["kept_its_promise"]


def test_every_way_is_played_in_full_and_weighed(ways: dict[str, dict[str, Any]]) -> None:
    for way in ways.values():
        assert way["audited"] == way["users"] == 30
        assert way["writes"] > 10
        assert way["latency_p99_ms"] >= way["latency_p50_ms"] > 0
        assert way["cost"]["servers_mib"] > 3 * 5
        if "redis" in way["where"] or "valkey" in way["where"]:
            assert way["cost"]["bytes_per_request"] > 100
            assert way["cost"]["store_mib"] > 1


def test_without_a_session_server_a_file_is_shared(tmp_path: Path) -> None:
    ended = play("--way", "session-server", PATH=str(tmp_path))
    assert ended.returncode == 0, ended.stderr + ended.stdout
    assert "one SQLite file (no redis-server is installed)" in ended.stdout
    assert "kill -9 server b" in ended.stdout
    row = next(line.split() for line in ended.stdout.splitlines() if line.startswith("logouts"))
    assert row[1] == "0", ended.stdout


def test_no_process_outlives_a_killed_demonstration() -> None:
    with subprocess.Popen([*DEMO, "--way", "session-server"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("session-server, b killed"):
                break
        children = children_of(process.pid)
        family = children | {below for child in children for below in children_of(child)}
        process.kill()
    assert len(family) >= 3
    deadline = time.monotonic() + 20
    while any(alive(child) for child in family):
        assert time.monotonic() < deadline, "a process outlived the demonstration"
        time.sleep(0.05)


def test_an_unknown_way_is_refused_with_those_that_are_known() -> None:
    ended = play("--way", "carrier-pigeon")
    assert ended.returncode == 2
    assert "session-server" in ended.stderr
