"""The promises of sessions, on every store's real server: nothing lost, nothing brought back, nothing kept too long.

STEELYARD_FULL=1 runs the full numbers (8 processes × 10,000 requests a store: some minutes each).
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from steelyard.sessions.conformance import begin
from steelyard.sessions.errors import SessionEnded, StoreUnavailable
from steelyard.sessions.keys import new_id
from steelyard.sessions.manager import Manager, RemoveCookie, SetCookie
from steelyard.sessions.plan import Connector, carry_out
from steelyard.sessions.session import Session
from steelyard.sessions.settings import Settings
from steelyard.sessions.stores import open_store
from tests.functional.sessions.servers import accepts, free_port, program, running

PROCESSES = 8
REQUESTS = 10_000 if os.environ.get("STEELYARD_FULL") else 250
SLOW = 1000
STORES = ("redis", "rediss", "redis_cluster", "valkey", "memcached", "mysql", "postgresql", "sqlite")


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sessions.db?timeout=60"
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        import time

        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def loaded(manager: Manager, connector: Connector, session_id: str | None) -> Session:
    session = manager.session(session_id)
    carry_out(manager.load(session), connector)
    return session


FULL = pytest.mark.timeout(3600 if REQUESTS > 1000 else 300)


@FULL
def test_eight_processes_lose_no_write(url: str) -> None:
    write_with_eight_processes(url, [url] * PROCESSES)


@FULL
@pytest.mark.parametrize("copies", ["2", "all"])
def test_eight_members_lose_no_write(copies: str) -> None:
    """Without a server: each process is a member of the cluster, as is this one."""
    pytest.importorskip("zenoh", reason="pip install 'steelyard[replicated]'")
    ports = [free_port() for _ in range(PROCESSES + 1)]
    peers = ",".join(f"127.0.0.1:{port}" for port in ports)
    options = f"copies={copies}&cluster={new_id()}&peers={peers}&join=1&timeout=20"
    first, *others = (f"replicated://m{number}@127.0.0.1:{port}?{options}" for number, port in enumerate(ports))
    write_with_eight_processes(first, others)


def write_with_eight_processes(url: str, urls: list[str]) -> None:
    store = open_store(url)
    connector, manager = store.connector(), Manager(store, Settings(insecure=True))
    session_id = begin(manager, connector).state.cookie_id
    assert session_id is not None
    command = [sys.executable, "-m", "tests.functional.sessions.writer"]
    writers = [
        subprocess.Popen([*command, theirs, session_id, f"p{number}", str(REQUESTS)])
        for number, theirs in enumerate(urls)
    ]
    try:
        assert [writer.wait() for writer in writers] == [0] * PROCESSES
    finally:
        for writer in writers:
            writer.kill()
    after = loaded(manager, connector, session_id)
    assert {name: after[name] for name in after if name.startswith("p")} == {
        f"p{number}": REQUESTS for number in range(PROCESSES)
    }
    connector.close()


def test_a_logout_is_not_undone_by_a_thousand_slow_requests(url: str) -> None:
    store = open_store(url)
    connector, manager = store.connector(), Manager(store, Settings(insecure=True))
    session_id = begin(manager, connector).state.cookie_id
    with ThreadPoolExecutor(8) as pool:
        slow = list(pool.map(lambda _: loaded(manager, connector, session_id), range(SLOW)))
        ending = loaded(manager, connector, session_id)
        ending.end()
        assert carry_out(manager.save(ending), connector) == RemoveCookie()

        def save(number: int) -> bool:
            slow[number][f"k{number}"] = True
            try:
                carry_out(manager.save(slow[number]), connector)
            except SessionEnded:
                return True
            return False

        assert all(pool.map(save, range(SLOW)))
    assert loaded(manager, connector, session_id).new
    connector.close()


def test_a_login_that_races_a_logout_begins_with_nothing(url: str) -> None:
    store = open_store(url)
    connector, manager = store.connector(), Manager(store, Settings(insecure=True))
    old = begin(manager, connector).state.cookie_id
    logging_in, ending = loaded(manager, connector, old), loaded(manager, connector, old)
    ending.end()
    carry_out(manager.save(ending), connector)
    logging_in["theme"] = "dark"
    logging_in.login("ann")
    change = carry_out(manager.save(logging_in), connector)
    assert isinstance(change, SetCookie)
    after = loaded(manager, connector, change.session_id)
    assert (after.principal, dict(after)) == ("ann", {"theme": "dark"})
    connector.close()


def test_sessions_end_when_idle_and_when_old(url: str) -> None:
    clock, store = Clock(), open_store(url)
    settings = Settings(insecure=True, idle=100, absolute=250)
    connector, manager = store.connector(), Manager(store, settings, clock)
    idle, busy = (begin(manager, connector).state.cookie_id for _ in range(2))
    for _ in range(4):
        clock.now += 60
        session = loaded(manager, connector, busy)
        assert session["begun"] is True
        assert carry_out(manager.save(session), connector) is None, "the touch"
    assert loaded(manager, connector, idle).new, "240 s without a request"
    clock.now += 20
    assert loaded(manager, connector, busy).new, "260 s old, however busy"
    connector.close()


def test_reading_writes_at_most_once_in_a_tenth_of_the_idle_time() -> None:
    clock, store = Clock(), open_store("memory://")
    manager = Manager(store, Settings(insecure=True, idle=1000), clock)
    counting = Counting(store.connector())
    session_id = begin(manager, counting).state.cookie_id
    counting.commands = 0
    for _ in range(500):
        clock.now += 1
        session = loaded(manager, counting, session_id)
        carry_out(manager.save(session), counting)
    assert counting.commands == 500 + 5, "one load each, and five touches"


def test_a_renewal_keeps_requests_that_run_with_the_old_id(url: str) -> None:
    store = open_store(url)
    connector, manager = store.connector(), Manager(store, Settings(insecure=True))
    old = begin(manager, connector).state.cookie_id
    running_before = loaded(manager, connector, old)
    logging_in = loaded(manager, connector, old)
    ann = f"ann {old}"
    logging_in.login(ann)
    change = carry_out(manager.save(logging_in), connector)
    assert isinstance(change, SetCookie)
    assert change.session_id != old
    running_before["basket"] = ["pear"]
    assert carry_out(manager.save(running_before), connector) is None, "and no cookie that would undo the login"
    late = loaded(manager, connector, old)
    assert late.principal == "", "the old id shows what was before the login, never more"
    after = loaded(manager, connector, change.session_id)
    assert (after.principal, after["basket"]) == (ann, ["pear"])
    assert carry_out(manager.end_all(ann), connector) == 1
    assert loaded(manager, connector, change.session_id).new
    connector.close()


def test_the_store_killed_and_started_again(tmp_path: Path) -> None:
    """While it is away every request is told so; afterwards everything that was acknowledged is there."""
    port = free_port()
    command = [program("redis-server", "redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
    command += ["--appendonly", "yes", "--appendfsync", "always", "--dir", str(tmp_path)]
    store = open_store(f"redis://127.0.0.1:{port}/0?timeout=1")
    connector, manager = store.connector(), Manager(store, Settings(insecure=True))
    with running(command, accepts(port), tmp_path) as server:
        session_id = begin(manager, connector).state.cookie_id
        acknowledged = add_until_unavailable(manager, connector, session_id, kill_after=200, server=server)
        assert acknowledged >= 200
    with running(command, accepts(port), tmp_path):
        assert loaded(manager, connector, session_id)["n"] in (acknowledged, acknowledged + 1)
    connector.close()


def add_until_unavailable(
    manager: Manager, connector: Connector, session_id: str | None, *, kill_after: int, server: subprocess.Popen[bytes]
) -> int:
    """Count up in the session; the server is killed on the way. Returns the last number that was acknowledged."""
    number = 0
    while True:
        try:
            session = loaded(manager, connector, session_id)
            assert not session.new, "away is not logged out"
            session["n"] = number + 1
            carry_out(manager.save(session), connector)
        except StoreUnavailable:
            return number
        number += 1
        if number == kill_after:
            server.kill()
            server.wait()


class Counting:
    """A connector that counts round trips."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self.commands = 0

    def execute(self, command: object) -> object:
        self.commands += 1
        return self._connector.execute(command)

    def close(self) -> None:
        self._connector.close()
