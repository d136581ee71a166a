"""The tests that every store passes, public so that a third-party store can run them too.

Subclass it in a test module and give it stores; pytest finds the tests by their names::

    class TestMyStore(StoreConformance):
        def open(self) -> Store:
            return MyStore("my://127.0.0.1:1234")

Every test runs twice, over the blocking connector and over the asynchronous one. Keys are fresh in every test, so the
server may be shared and need not be emptied.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from steelyard.sessions.keys import new_id, store_key
from steelyard.sessions.manager import Manager
from steelyard.sessions.plan import Connector, Plan, carry_out, carry_out_async
from steelyard.sessions.record import Stored
from steelyard.sessions.session import Session
from steelyard.sessions.settings import Settings
from steelyard.sessions.stores.base import Gone, Outrun, Saved, Store

T = TypeVar("T")
Ask = Callable[[Plan[Any]], Any]
BINARY = bytes(range(256)) * 8


class StoreConformance:
    """Tests of ``Store``. ``now`` is the store's own clock unless ``clock`` is replaced."""

    counts_exactly = True
    """Whether ``count`` is exact; False for a store that can only estimate."""

    def open(self) -> Store:
        """A store to test; called once a test."""
        raise NotImplementedError

    def clock(self) -> float:
        """The time that the store's server believes in, Unix seconds."""
        import time

        return time.time()

    # A record and its life -------------------------------------------------------------------------------------------

    def test_what_is_created_is_loaded(self) -> None:
        def check(store: Store, ask: Ask, now: float) -> None:
            key = fresh_key()
            assert ask(store.load(key, now)) is None
            stored = Stored(1, whole(now + 60), "ann", BINARY)
            assert ask(store.create(key, stored, now)) is True
            assert ask(store.load(key, now)) == stored
            assert ask(store.create(key, stored, now)) is False, "a key is given once"

        self._both_ways(check)

    def test_replace_compares_and_swaps(self) -> None:
        def check(store: Store, ask: Ask, now: float) -> None:
            key = fresh_key()
            first, second, late = (Stored(version, whole(now + 60), "", b"%d" % version) for version in (1, 2, 2))
            ask(store.create(key, first, now))
            assert ask(store.replace(key, 1, second, now)) == Saved()
            assert ask(store.replace(key, 1, late, now)) == Outrun(second), "and tells what is there"
            assert ask(store.load(key, now)) == second

        self._both_ways(check)

    def test_a_save_brings_nothing_back(self) -> None:
        def check(store: Store, ask: Ask, now: float) -> None:
            key = fresh_key()
            stored = Stored(1, whole(now + 60), "ann", b"x")
            assert ask(store.replace(key, 1, stored, now)) == Gone(), "never there"
            ask(store.create(key, stored, now))
            assert ask(store.end(key, now + 60, now)) == stored
            assert ask(store.load(key, now)) is None
            assert ask(store.replace(key, 1, stored, now)) == Gone(), "ended"
            assert ask(store.create(key, stored, now)) is False, "the tombstone holds the key"
            assert ask(store.touch(key, whole(now + 90), now)) is False
            assert ask(store.end(key, now + 60, now)) is None, "ended once"

        self._both_ways(check)

    def test_touch_moves_the_end_and_nothing_else(self) -> None:
        def check(store: Store, ask: Ask, now: float) -> None:
            key = fresh_key()
            ask(store.create(key, Stored(1, whole(now + 60), "ann", b"x"), now))
            assert ask(store.touch(key, whole(now + 120), now)) is True
            assert ask(store.load(key, now)) == Stored(1, whole(now + 120), "ann", b"x")
            assert ask(store.touch(key, whole(now + 30), now)) is True
            assert ask(store.load(key, now)).expires == whole(now + 120), "never earlier"
            assert ask(store.replace(key, 1, Stored(2, whole(now + 120), "ann", b"y"), now)) == Saved()

        self._both_ways(check)

    def test_past_its_end_a_record_is_not_there(self) -> None:
        def check(store: Store, ask: Ask, now: float) -> None:
            key = fresh_key()
            ask(store.create(key, Stored(1, whole(now + 5), "ann", b"x"), now))
            later = now + 6
            assert ask(store.load(key, later)) is None
            assert ask(store.replace(key, 1, Stored(2, whole(later + 5), "ann", b"y"), later)) == Gone()
            assert ask(store.of_principal("ann " + key, later)) == []

        self._both_ways(check)

    def test_the_sessions_of_a_principal(self) -> None:
        def check(store: Store, ask: Ask, now: float) -> None:
            principal = "ann é @ " + new_id()
            keys = [fresh_key() for _ in range(3)]
            for key in keys:
                ask(store.create(key, Stored(1, whole(now + 60), principal, b"x"), now))
            ask(store.create(fresh_key(), Stored(1, whole(now + 60), "other " + principal, b"x"), now))
            assert sorted(ask(store.of_principal(principal, now))) == sorted(keys)
            ask(store.end(keys[0], now + 60, now))
            assert sorted(ask(store.of_principal(principal, now))) == sorted(keys[1:])

        self._both_ways(check)

    def test_sessions_are_counted(self) -> None:
        def check(store: Store, ask: Ask, now: float) -> None:
            def more() -> int:
                before: int = ask(store.count(now))
                keys = [fresh_key() for _ in range(3)]
                for key in keys:
                    ask(store.create(key, Stored(1, whole(now + 60), "", b"x"), now))
                ask(store.end(keys[0], now + 60, now))
                ask(store.lock(fresh_key(), "one", now + 60, now))
                return int(ask(store.count(now))) - before

            # On a shared server a record of another test may end between two counts, but not again and again.
            found = [more()]
            while self.counts_exactly and found[-1] != 2 and len(found) < 5:
                found.append(more())
            assert found[-1] == 2 or not self.counts_exactly, f"neither ended ones nor leases: {found}"

        self._both_ways(check)

    def test_what_is_past_its_end_is_purged_and_nothing_else(self) -> None:
        def check(store: Store, ask: Ask, now: float) -> None:
            past, ended, live = (fresh_key() for _ in range(3))
            for key in (ended, fresh_key()):
                ask(store.create(key, Stored(1, whole(now + 60), "ann", b"x"), now - 60))
                ask(store.end(key, now - 9, now - 60))
            ask(store.create(past, Stored(1, whole(now - 5), "ann", b"x"), now - 60))
            ask(store.create(live, Stored(1, whole(now + 60), "ann", b"x"), now))
            purged: list[str] = []
            while found := ask(store.purge(now, 1)):
                purged += found
            assert ended not in purged, "it was told when it ended"
            assert live not in purged
            assert ask(store.load(live, now)) is not None
            assert past not in ask(store.purge(now, 100)), "nothing was left, and it is told once"

        self._both_ways(check)

    def test_leases(self) -> None:
        def check(store: Store, ask: Ask, now: float) -> None:
            name = fresh_key()
            assert ask(store.lock(name, "one", now + 60, now)) is True
            assert ask(store.lock(name, "two", now + 60, now)) is False
            assert ask(store.lock(name, "one", now + 90, now)) is True, "the holder may prolong it"
            ask(store.unlock(name, "two"))
            assert ask(store.lock(name, "two", now + 60, now)) is False, "only the holder gives it back"
            ask(store.unlock(name, "one"))
            assert ask(store.lock(name, "two", now + 60, now)) is True
            ask(store.unlock(name, "two"))

        self._both_ways(check)

    # Sessions over it ------------------------------------------------------------------------------------------------

    def test_parallel_writers_lose_nothing(self) -> None:
        """Eight threads change keys of their own in one session; every change is there at the end."""
        store = self.open()
        connector = store.connector()
        manager = Manager(store, Settings(insecure=True))
        session = begin(manager, connector)
        threads, rounds = 8, 25

        def write(name: int) -> None:
            for round_ in range(rounds):
                mine = manager.session(session.state.cookie_id)
                carry_out(manager.load(mine), connector)
                mine[f"k{name}"] = mine.get(f"k{name}", 0) + 1
                mine[f"r{name}.{round_}"] = True
                carry_out(manager.save(mine), connector)

        running = [threading.Thread(target=write, args=(name,)) for name in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        after = manager.session(session.state.cookie_id)
        carry_out(manager.load(after), connector)
        assert {key: value for key, value in after.items() if key.startswith("k")} == {
            f"k{name}": rounds for name in range(threads)
        }
        assert sum(key.startswith("r") for key in after) == threads * rounds
        connector.close()

    def _both_ways(self, check: Callable[[Store, Ask, float], None]) -> None:
        store = self.open()
        connector = store.connector()
        try:
            check(store, lambda plan: carry_out(plan, connector), self.clock())
        finally:
            connector.close()
        other = self.open()
        with asyncio.Runner() as runner:
            # The connector is made and closed on its loop; ``check`` stays plain code.
            asynchronous = runner.run(_made(other))
            try:
                check(other, lambda plan: runner.run(carry_out_async(plan, asynchronous)), self.clock())
            finally:
                runner.run(asynchronous.close())


async def _made(store: Store) -> Any:
    return store.async_connector()


def fresh_key() -> str:
    """A key that no other test has used."""
    return store_key(new_id())


def whole(seconds: float) -> float:
    """A time in whole seconds, which every store can keep exactly."""
    return float(round(seconds))


def begin(manager: Manager, connector: Connector) -> Session:
    """A session that is saved, with one key."""
    session = manager.session(None)
    carry_out(manager.load(session), connector)
    session["begun"] = True
    carry_out(manager.save(session), connector)
    return session
