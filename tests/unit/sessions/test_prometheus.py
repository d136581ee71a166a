"""The metrics of sessions: every kind of outcome is counted once, by store, and a member tells what it costs."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from steelyard.sessions import SessionMiddleware
from steelyard.sessions.conformance import begin
from steelyard.sessions.errors import Conflict, StoreUnavailable
from steelyard.sessions.keys import new_id
from steelyard.sessions.manager import PURGE_S, Manager
from steelyard.sessions.metrics import MEANING
from steelyard.sessions.plan import Connector, carry_out
from steelyard.sessions.prometheus import SessionCollector
from steelyard.sessions.session import Session
from steelyard.sessions.settings import Settings
from steelyard.sessions.stores import open_store
from steelyard.sessions.stores.memory import MemoryStore
from tests.functional.sessions.servers import free_port
from tests.unit.sessions.broken import Broken


class Shop:
    """A manager, its clock, and what Prometheus would read of it."""

    def __init__(self, **settings: object) -> None:
        self.now = 1_000_000.0
        store = MemoryStore()
        self.manager = Manager(store, Settings(insecure=True, **settings), lambda: self.now)  # type: ignore[arg-type]
        self.connector: Connector = store.connector()
        self.registry = CollectorRegistry()
        self.registry.register(SessionCollector([self.manager]))

    def load(self, session_id: str | None) -> Session:
        session = self.manager.session(session_id)
        carry_out(self.manager.load(session), self.connector)
        return session

    def save(self, session: Session) -> None:
        carry_out(self.manager.save(session), self.connector)

    def read(self) -> dict[str, float]:
        """What is above 0."""
        text = generate_latest(self.registry).decode()
        assert 'store="memory"' in text
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return {
            sample.name.removeprefix("steelyard_session_").removesuffix("_total"): sample.value
            for sample in samples
            if sample.value
        }


def test_each_outcome_is_counted() -> None:
    shop = Shop(idle=1000)
    session_id = begin(shop.manager, shop.connector).state.cookie_id
    assert shop.read() == {"created": 1, "saves": 1}
    one, other = shop.load(session_id), shop.load(session_id)
    one["a"], other["b"] = 1, 2
    shop.save(one)
    shop.save(other)
    assert shop.read() == {"created": 1, "saves": 3, "loads": 2, "retries": 1}
    shop.now += 200
    shop.save(shop.load(session_id))
    login = shop.load(session_id)
    login.login("ann")
    shop.save(login)
    assert shop.read() == {"created": 1, "saves": 4, "loads": 4, "retries": 1, "touches": 1, "renewed": 1}
    ending = shop.load(login.state.cookie_id)
    ending.end()
    shop.save(ending)
    assert shop.read()["ended"] == 1


def test_a_conflict_and_a_failure_are_counted() -> None:
    shop = Shop(on_conflict="raise")
    session_id = begin(shop.manager, shop.connector).state.cookie_id
    one, other = shop.load(session_id), shop.load(session_id)
    one["a"], other["a"] = 1, 2
    shop.save(one)
    with pytest.raises(Conflict):
        shop.save(other)
    assert (shop.read()["conflicts"], shop.read()["retries"]) == (1, 1)
    shop.connector = Broken(StoreUnavailable("away"))
    for attempt in (lambda: shop.load(session_id), lambda: shop.save(other)):
        with pytest.raises(StoreUnavailable):
            attempt()
    assert shop.read()["failures"] == 2


def test_an_unreadable_record_is_counted() -> None:
    shop = Shop(encryption_keys=(b"old",))
    session_id = begin(shop.manager, shop.connector).state.cookie_id
    other = Manager(shop.manager.store, Settings(insecure=True, encryption_keys=(b"new",)), lambda: shop.now)
    carry_out(other.load(other.session(session_id)), shop.connector)
    assert other.counts.unreadable == 1


def test_a_store_in_this_process_is_purged_and_the_hook_is_told() -> None:
    """Nobody else can: without it the memory of sessions that ended long ago would be kept for ever."""
    from steelyard.sessions.settings import Hooks

    told: list[str] = []
    shop = Shop(idle=10, hooks=Hooks(expired=told.append))
    for _ in range(5):
        begin(shop.manager, shop.connector)
    shop.now += 20
    begin(shop.manager, shop.connector)
    assert told == [], "at most once in a while"
    shop.now += PURGE_S
    begin(shop.manager, shop.connector)
    assert len(set(told)) == len(told) == shop.read()["expired"] == 6
    assert carry_out(shop.manager.count(), shop.connector) == 1


def test_one_line_reports_every_middleware_of_the_process() -> None:
    async def visit(request: Request) -> PlainTextResponse:
        request.session["visits"] = request.session.get("visits", 0) + 1
        return PlainTextResponse("hello")

    app = Starlette(routes=[Route("/", visit)])
    app.add_middleware(SessionMiddleware, store="memory://", insecure=True)
    registry = CollectorRegistry()
    registry.register(SessionCollector())

    def loads() -> float:
        return registry.get_sample_value("steelyard_session_loads_total", {"store": "memory"}) or 0

    before = loads()
    with TestClient(app) as client:
        for _ in range(3):
            client.get("/")
    assert loads() - before == 2, "the first visit has nothing to load"
    del app, client
    gc.collect()
    assert loads() - before == 2, "a counter does not fall when an application ends"


def test_a_member_tells_what_its_copies_cost() -> None:
    pytest.importorskip("zenoh", reason="pip install 'steelyard[replicated]'")
    store = open_store(f"replicated://web-1@127.0.0.1:{free_port()}?cluster={new_id()}&join=0.1")
    manager = Manager(store, Settings(insecure=True))
    registry = CollectorRegistry()
    registry.register(SessionCollector([manager]))
    assert b"members" not in generate_latest(registry), "there is no member yet"
    connector = store.connector()
    try:
        for _ in range(3):
            begin(manager, connector)
        ended = begin(manager, connector)
        ended.end()
        carry_out(manager.save(ended), connector)

        def value(name: str) -> float | None:
            return registry.get_sample_value(f"steelyard_session_replicated_{name}", {"member": "web-1"})

        assert [value(name) for name in ("members", "settled", "records", "sessions")] == [1, 1, 4, 3]
        assert value("writes_total") == 5
        assert value("held_bytes") == 3 * len(begin(manager, connector).state.stored.body)  # type: ignore[union-attr]
        assert value("sent_bytes_total") == 0, "alone"
        assert value("catch_up_seconds") is not None
    finally:
        connector.close()


def test_a_missing_library_is_named_with_the_command() -> None:
    code = "import sys; sys.modules['prometheus_client'] = None; import steelyard.sessions.prometheus"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'steelyard[prometheus]'" in done.stderr


def test_the_page_has_every_metric_with_its_meaning() -> None:
    page = (Path(__file__).parents[3] / "docs/sessions/metrics.md").read_text()
    for name, meaning in MEANING.items():
        assert f"| `steelyard_session_{name}_total` | {meaning} |" in page
    pytest.importorskip("zenoh", reason="pip install 'steelyard[replicated]'")
    from steelyard.sessions.replication.node import METRICS

    for kind, name, meaning in METRICS.values():
        total = "_total" if kind == "counter" else ""
        assert f"| `steelyard_session_replicated_{name}{total}` | {kind} | {meaning} |" in page
