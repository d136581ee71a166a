"""The leased lock: one holder at a time, nothing stale inside, nothing held for ever."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from steelyard.sessions.conformance import begin
from steelyard.sessions.errors import LeaseTaken
from steelyard.sessions.lease import locked, locked_async
from steelyard.sessions.manager import Manager
from steelyard.sessions.plan import carry_out, carry_out_async
from steelyard.sessions.session import Session
from steelyard.sessions.settings import Settings
from steelyard.sessions.stores.memory import MemoryStore


class Shop:
    """One stored session, opened anew by every request."""

    def __init__(self) -> None:
        store = MemoryStore()
        self.manager = Manager(store, Settings(insecure=True))
        self.connector = store.connector()
        self.async_connector = store.async_connector()
        self.id = begin(self.manager, self.connector).state.cookie_id

    def request(self) -> Session:
        return self.manager.session(self.id, lambda session: carry_out(self.manager.load(session), self.connector))


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_threads_count_one_after_another(shop: Shop) -> None:
    def add(_: int) -> None:
        session = shop.request()
        session.get("n")  # read before the lock, and so read anew inside it
        with locked(shop.manager, shop.connector, session, "count", lease=30, wait=30):
            session["n"] = session.get("n", 0) + 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(200)))
    assert shop.request()["n"] == 200


async def test_tasks_count_one_after_another(shop: Shop) -> None:
    async def add() -> None:
        session = shop.request()
        async with locked_async(shop.manager, shop.async_connector, session, "count", lease=30, wait=30):
            n = session.get("n", 0)
            await asyncio.sleep(0)
            session["n"] = n + 1

    await asyncio.gather(*(add() for _ in range(50)))
    await carry_out_async(shop.manager.load(shop.request()), shop.async_connector)
    assert shop.request()["n"] == 50


def test_who_waits_too_long_is_told(shop: Shop) -> None:
    with (
        locked(shop.manager, shop.connector, shop.request(), "pay", lease=30, wait=0),
        pytest.raises(LeaseTaken, match="lock 'pay' for 0 s"),
        locked(shop.manager, shop.connector, shop.request(), "pay", lease=30, wait=0),
    ):
        raise AssertionError("two were in")


def test_other_names_and_other_sessions_do_not_wait(shop: Shop) -> None:
    def enter(session: Session, name: str) -> None:
        with locked(shop.manager, shop.connector, session, name, lease=30, wait=0):
            pass

    with locked(shop.manager, shop.connector, shop.request(), "pay", lease=30, wait=0):
        enter(shop.request(), "post")
        enter(begin(shop.manager, shop.connector), "pay")
        enter(shop.manager.session(None), "pay")


def test_a_dead_holder_holds_no_longer_than_its_lease(shop: Shop) -> None:
    dead = locked(shop.manager, shop.connector, shop.request(), "pay", lease=0.001, wait=0)
    dead.__enter__()
    with locked(shop.manager, shop.connector, shop.request(), "pay", lease=30, wait=10):
        late = threading.Thread(target=dead.__exit__, args=(None, None, None))
        late.start()
        late.join()
        with (
            pytest.raises(LeaseTaken),
            locked(shop.manager, shop.connector, shop.request(), "pay", lease=30, wait=0),
        ):
            raise AssertionError("the late holder gave back what was not its own")


def test_it_is_given_back_after_an_error_and_nothing_is_saved(shop: Shop) -> None:
    def fail() -> None:
        session = shop.request()
        with locked(shop.manager, shop.connector, session, "pay", lease=30, wait=0):
            session["half"] = True
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with locked(shop.manager, shop.connector, shop.request(), "pay", lease=30, wait=0):
        assert "half" not in shop.request()


def test_changes_of_before_the_lock_are_saved_when_it_is_taken(shop: Shop) -> None:
    session = shop.request()
    session["before"] = 1
    with locked(shop.manager, shop.connector, session, "pay", lease=30, wait=0):
        assert shop.request()["before"] == 1


def test_a_logout_inside_stays_for_the_response(shop: Shop) -> None:
    session = shop.request()
    with locked(shop.manager, shop.connector, session, "pay", lease=30, wait=0):
        session.end()
    assert session.state.ending
    assert not shop.request().new, "not yet"
