"""Real processes: members killed, restarted, stopped, forged and shouted at."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from steelyard.sessions.keys import new_id
from tests.functional.sessions.servers import certificates, free_port

zenoh = pytest.importorskip("zenoh", reason="pip install 'steelyard[replicated]'")

PATIENCE_S = 60


class Member:
    """A process; what it says is read by a thread, so that nothing here blocks for ever."""

    def __init__(self, url: str, secret: str, before: Sequence[str] = ()) -> None:
        program = Path(__file__).with_name("member.py")
        environment = {**os.environ, "CLUSTER_SECRET": secret}
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        self.process = subprocess.Popen(
            [*before, sys.executable, str(program), url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.strip())
        self._lines.put("")

    def says(self) -> str:
        return self._lines.get(timeout=PATIENCE_S)

    def expect(self, start: str) -> str:
        line = self.says()
        assert line.startswith(start), line
        return line[len(start) :].strip()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, line: str, start: str) -> str:
        self.tell(line)
        return self.expect(start)

    def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ask("stats", "stats"))
        return found

    def end(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.wait(PATIENCE_S)


class Cluster:
    """Members by number, on ports of their own, that know all the others' addresses."""

    def __init__(self, size: int, copies: str) -> None:
        self.ports = [free_port() for _ in range(size)]
        self.copies, self.name, self.secret = copies, new_id(), new_id()
        self.members: dict[int, Member] = {}

    def begin(self, number: int) -> Member:
        peers = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        options = f"copies={self.copies}&cluster={self.name}&peers={peers}&secret_env=CLUSTER_SECRET&join=2"
        url = f"replicated://m{number}@127.0.0.1:{self.ports[number]}?{options}"
        self.members[number] = Member(url, self.secret)
        return self.members[number]

    def begin_all(self) -> None:
        for number in range(len(self.ports)):
            self.begin(number).expect("ready")
        self.until_settled(len(self.ports))

    def until_settled(self, members: int) -> None:
        until(lambda: all((s := m.stats())["members"] == members and s["settled"] for m in self.members.values()))


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    made = Cluster(*request.param)
    yield made
    for member in made.members.values():
        if member.process.poll() is None:
            member.process.send_signal(signal.SIGCONT)
            member.end()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def written(member: Member) -> list[str]:
    """The keys that were acknowledged, until the writer is done or dead."""
    keys = []
    while (line := member.says()) not in ("done", ""):
        if line.startswith("wrote "):
            keys.append(line[6:])
    return keys


three = pytest.mark.parametrize("cluster", [(3, "2"), (3, "all")], indirect=True, ids=["2", "all"])


@pytest.mark.parametrize("cluster", [(3, "2"), (3, "all"), (7, "2")], indirect=True, ids=["3-2", "3-all", "7-2"])
def test_kill_9_of_any_one_loses_no_acknowledged_write(cluster: Cluster) -> None:
    cluster.begin_all()
    victim = 1
    for number, member in cluster.members.items():
        member.tell(f"write w{number} 400 300")
    keys = [cluster.members[victim].expect("wrote") for _ in range(100)]
    cluster.members[victim].end()
    dead = cluster.members.pop(victim)
    keys += written(dead)
    for member in cluster.members.values():
        keys += written(member)
    assert len(keys) >= 400 * len(cluster.members) + 100 - 5, "the others went on writing"
    for member in cluster.members.values():
        assert member.ask("have " + " ".join(keys), "missing") == "0"
    cluster.until_settled(len(cluster.members))
    # And then another one: what the first one held has been copied anew.
    if len(cluster.members) > 1:
        number, member = cluster.members.popitem()
        member.end()
        for survivor in cluster.members.values():
            assert survivor.ask("have " + " ".join(keys), "missing") == "0"


@three
def test_rolling_restart_loses_nothing(cluster: Cluster) -> None:
    cluster.begin_all()
    cluster.members[0].tell("write w 500 300")
    keys = written(cluster.members[0])
    assert len(keys) == 500
    for number in list(cluster.members):
        assert cluster.members[number].ask("leave", "left") == ""
        cluster.members[number].process.wait(PATIENCE_S)
        member = cluster.begin(number)
        member.expect("ready")
        assert member.ask("have " + " ".join(keys), "missing") == "0"
    cluster.until_settled(3)
    assert cluster.members[1].ask("count", "count") == "500"


@three
def test_who_joins_catches_up(cluster: Cluster) -> None:
    for number in (0, 1):
        cluster.begin(number).expect("ready")
    cluster.members[0].tell("write w 600 300")
    keys = written(cluster.members[0])
    assert len(keys) == 600
    joined = cluster.begin(2)
    joined.expect("ready")
    share = joined.stats()["records"]
    assert share == 600 if cluster.copies == "all" else 300 <= share <= 500, "its share, no more, when it says ready"
    cluster.until_settled(3)
    kept = 1800 if cluster.copies == "all" else 1200
    until(lambda: sum(member.stats()["records"] for member in cluster.members.values()) == kept)


@three
def test_a_healed_partition_converges(cluster: Cluster) -> None:
    cluster.begin_all()
    alone, *others = cluster.members.values()
    assert others[0].ask("put shop common before", "put") == "True"
    assert others[0].ask("put gone common before", "put") == "True"
    alone.process.send_signal(signal.SIGSTOP)
    until(lambda: all(member.stats()["members"] == 2 for member in others))
    assert others[0].ask("put shop theirs during", "put") == "True"
    assert others[1].ask("end gone", "ended") == ""
    alone.process.send_signal(signal.SIGCONT)
    cluster.until_settled(3)
    for member in cluster.members.values():
        assert json.loads(member.ask("get shop", "got")) == {"common": "before", "theirs": "during"}
        assert member.ask("have gone", "missing") == "1", "an ended session stays ended"


@three
def test_a_forged_member_is_refused_and_hostile_bytes_are_survived(cluster: Cluster) -> None:
    cluster.begin_all()
    cluster.members[0].tell("write w 50 300")
    keys = written(cluster.members[0])
    stranger = Cluster(1, cluster.copies)
    stranger.name, stranger.secret = cluster.name, "guessed"
    stranger.ports += cluster.ports
    forged = stranger.begin(0)
    try:
        forged.expect("ready")
        assert forged.stats()["members"] == 1, "it is alone"
        assert forged.ask("count", "count") == "0"
        assert all(member.stats()["members"] == 3 for member in cluster.members.values())
    finally:
        forged.end()
    for port in cluster.ports:
        with connected(port) as raw:
            raw.sendall(bytes(range(256)) * 64)
    assert cluster.members[1].ask("have " + " ".join(keys), "missing") == "0"


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


def test_tls_on_both_sides(tmp_path: Path) -> None:
    files = [tmp_path / "own", tmp_path / "own", tmp_path / "other"]
    for directory in {*files}:
        certificates(directory)

    def url(number: int, files: Path) -> str:
        peers = ",".join(f"127.0.0.1:{port}" for port in ports)
        tls = f"ca={files}/ca.pem&cert={files}/cert.pem&key={files}/key.pem"
        return f"replicated://m{number}@127.0.0.1:{ports[number]}?cluster={cluster}&peers={peers}&join=2&{tls}"

    ports, cluster = [free_port() for _ in range(3)], new_id()
    members = [Member(url(number, where), "") for number, where in enumerate(files)]
    try:
        for member in members:
            member.expect("ready")
        until(lambda: [member.stats()["members"] for member in members] == [2, 2, 1])
    finally:
        for member in members:
            member.end()
