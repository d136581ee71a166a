"""A real Redis Cluster: keys in every slot, slots that move, masters that die while requests go on."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from redis.crc import key_slot

from steelyard.sessions.conformance import begin, fresh_key
from steelyard.sessions.errors import StoreMisconfigured, StoreUnavailable
from steelyard.sessions.keys import new_id, store_key
from steelyard.sessions.manager import Manager, SetCookie
from steelyard.sessions.plan import Connector, carry_out, carry_out_async
from steelyard.sessions.settings import Settings
from steelyard.sessions.stores import open_store
from tests.functional.sessions.clusters import MASTERS, QUICK_MS, Nodes, cluster, identity, slots, until
from tests.functional.sessions.servers import free_port, program


@pytest.fixture(params=["redis", "valkey"])
def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Nodes]:
    """A cluster of this test's own, since it is going to be hurt."""
    kind = request.param
    with cluster(tmp_path, server=f"{kind}-server", cli=f"{kind}-cli", node_timeout_ms=QUICK_MS) as made:
        yield made


class Counter:
    """A client that counts up in one session, and remembers what was acknowledged."""

    def __init__(self, manager: Manager, connector: Connector, session_id: str) -> None:
        self.manager, self.connector, self.session_id = manager, connector, session_id
        self.acknowledged = self.read()

    def read(self) -> int:
        session = self.manager.session(self.session_id)
        carry_out(self.manager.load(session), self.connector)
        assert not session.new, "logged out"
        return int(session.get("n", 0))

    def add(self) -> None:
        session = self.manager.session(self.session_id)
        carry_out(self.manager.load(session), self.connector)
        assert not session.new, "logged out"
        session["n"] = number = session.get("n", 0) + 1
        carry_out(self.manager.save(session), self.connector)
        self.acknowledged = number

    def add_if_there(self) -> bool:
        """Whether the store answered."""
        try:
            self.add()
        except StoreUnavailable:
            return False
        return True


def counters(nodes: Nodes, manager: Manager, connector: Connector) -> dict[int, Counter]:
    """One session in the slots of each master."""
    found: dict[int, Counter] = {}
    while len(found) < MASTERS:
        session_id = begin(manager, connector).state.cookie_id
        assert session_id is not None
        found.setdefault(nodes.master_of("steelyard:" + store_key(session_id)), Counter(manager, connector, session_id))
    return found


def test_sessions_lie_in_all_slots_and_are_found_wherever_they_are(redis_cluster: Nodes) -> None:
    store = open_store(redis_cluster.url)
    connector, manager = store.connector(), Manager(store, Settings(insecure=True))
    before = carry_out(manager.count(), connector)
    principal = new_id()
    ids = []
    for _ in range(60):
        session = manager.session(None)
        carry_out(manager.load(session), connector)
        session["begun"] = True
        session.login(principal)
        change = carry_out(manager.save(session), connector)
        assert isinstance(change, SetCookie)
        ids.append(change.session_id)
    kept = redis_cluster.keys()
    homes = [port for port, keys in kept.items() for key in map(store_key, ids) if f"steelyard:{key}".encode() in keys]
    assert len(homes) == 60
    assert set(homes) == set(kept), "some on every master"
    assert sorted(carry_out(store.of_principal(principal, time.time()), connector)) == sorted(map(store_key, ids))
    assert carry_out(manager.count(), connector) - before == 60
    assert carry_out(manager.end_all(principal), connector) == 60
    assert carry_out(manager.count(), connector) == before
    connector.close()


def test_a_killed_master_logs_nobody_out(nodes: Nodes) -> None:
    store = open_store(f"{nodes.url}&timeout=1")
    connector, manager = store.connector(), Manager(store, Settings(insecure=True))
    victims, *others = counters(nodes, manager, connector).items()
    port, counter = victims
    for _, each in [victims, *others]:
        for _ in range(50):
            each.add()
    nodes.kill(port)
    away = 0

    def promoted() -> bool:
        nonlocal away
        for _, each in others:
            each.add_if_there()
        there = counter.add_if_there()
        away += not there
        return there

    before = counter.acknowledged
    until(promoted)
    assert away > 0, "while no replica is elected it is said so"
    assert before < counter.acknowledged <= before + 1 + away, "a save without an answer may be there"
    for _, each in [victims, *others]:
        assert each.read() in (each.acknowledged, each.acknowledged + 1)
        each.add()
    assert nodes.master_of("steelyard:" + store_key(counter.session_id)) != port
    # A new process finds its way although the node that the URL names first is the dead one.
    alive = ",".join(f"127.0.0.1:{each}" for each in nodes.alive())
    late = open_store(f"redis://127.0.0.1:{port}?cluster=true&nodes={alive}")
    assert Counter(Manager(late, Settings(insecure=True)), late.connector(), counter.session_id).read() > 0
    connector.close()


def test_a_killed_master_logs_nobody_out_on_an_event_loop(nodes: Nodes) -> None:
    async def scenario() -> None:
        store = open_store(f"{nodes.url}&timeout=1")
        manager, connector = Manager(store, Settings(insecure=True)), store.async_connector()
        session = manager.session(None)
        await carry_out_async(manager.load(session), connector)
        session["n"] = 1
        await carry_out_async(manager.save(session), connector)
        session_id = session.state.cookie_id
        assert session_id is not None
        nodes.kill(nodes.master_of("steelyard:" + store_key(session_id)))
        deadline, refused = time.monotonic() + 60, 0
        while True:
            again = manager.session(session_id)
            try:
                await carry_out_async(manager.load(again), connector)
                break
            except StoreUnavailable:
                refused += 1
                assert time.monotonic() < deadline, "no replica was elected"
        assert again["n"] == 1, "neither new nor empty"
        await connector.close()

    asyncio.run(scenario())


def test_slots_move_while_requests_go_on(nodes: Nodes) -> None:
    store = open_store(nodes.url)
    connector, manager = store.connector(), Manager(store, Settings(insecure=True))
    source, target, _ = nodes.keys()
    with redis.Redis(port=source) as here, redis.Redis(port=target) as there:
        moving = slots(here)[:100]
        names = identity(here), identity(there)
    while True:
        session_id = begin(manager, connector).state.cookie_id
        assert session_id is not None
        key = f"steelyard:{store_key(session_id)}"
        if key_slot(key.encode()) in moving:
            break
    counter, moved = Counter(manager, connector, session_id), threading.Event()

    def count() -> None:
        while not moved.is_set():
            counter.add()

    command = [program("redis-cli", "redis-server"), "--cluster", "reshard", f"127.0.0.1:{source}", "--cluster-yes"]
    command += ["--cluster-from", names[0], "--cluster-to", names[1], "--cluster-slots", str(len(moving))]
    with ThreadPoolExecutor(1) as pool:
        counting = pool.submit(count)
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        finally:
            moved.set()
        counting.result()
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    assert f"{key}".encode() in nodes.keys()[target]
    assert counter.acknowledged > 0
    assert counter.read() == counter.acknowledged
    connector.close()


def test_a_cluster_that_is_not_there_yet_is_unavailable_not_a_crash() -> None:
    """The application may start first; each request says 503 until the cluster answers."""
    store = open_store(f"redis://127.0.0.1:{free_port()}?cluster=true&timeout=1")
    connector = store.connector()
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="redis"):
            carry_out(store.load(fresh_key(), time.time()), connector)
    connector.close()


@pytest.mark.parametrize("nodes_", ["here", "here:", ":1", "here:1,there"])
def test_wrong_nodes_are_told_at_once(nodes_: str) -> None:
    with pytest.raises(StoreMisconfigured, match="HOST:PORT"):
        open_store(f"redis://127.0.0.1:1?cluster=true&nodes={nodes_}")
