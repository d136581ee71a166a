"""Django's sessions and logins over a store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import django
import pytest
from django.conf import settings

from steelyard.sessions.errors import StoreMisconfigured, StoreUnavailable
from steelyard.sessions.keys import store_key
from steelyard.sessions.lease import Held
from steelyard.sessions.plan import carry_out
from tests.unit.sessions.broken import Broken

if not settings.configured:
    settings.configure(
        ROOT_URLCONF=__name__,
        SECRET_KEY="x" * 50,
        ALLOWED_HOSTS=["*"],
        SESSION_ENGINE="steelyard.sessions.django",
        SESSION_STORE="memory://",
        INSTALLED_APPS=["django.contrib.sessions"],
        MIDDLEWARE=["steelyard.sessions.django.SessionMiddleware"],
        USE_TZ=True,
    )
    django.setup()

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import AsyncClient, Client
from django.urls import path

from steelyard.sessions import django as engine


def add(request: HttpRequest) -> HttpResponse:
    request.session["basket"] = [*request.session.get("basket", []), "pear"]
    return JsonResponse(dict(request.session))


def nested(request: HttpRequest) -> HttpResponse:
    request.session.setdefault("basket", {"fruit": []})["fruit"].append("pear")
    return JsonResponse(dict(request.session))


def look(request: HttpRequest) -> HttpResponse:
    before = len(request.session.get("basket", ()))
    return JsonResponse({"basket": before, "modified": request.session.modified})


def login(request: HttpRequest) -> HttpResponse:
    request.session.cycle_key()
    request.session["_auth_user_id"] = "7"
    return HttpResponse("in")


def logout(request: HttpRequest) -> HttpResponse:
    request.session.flush()
    return HttpResponse("out")


def pay(request: HttpRequest) -> HttpResponse:
    request.session.get("n")  # read before the lock, and so read anew inside it
    with engine.lock(request, "pay", wait=30):
        request.session["n"] = request.session.get("n", 0) + 1
    return HttpResponse(request.session["n"])


async def pay_async(request: HttpRequest) -> HttpResponse:
    async with engine.lock(request, "pay", wait=30):
        n = await request.session.aget("n", 0)
        await asyncio.sleep(0)
        await request.session.aset("n", n + 1)
    return HttpResponse(n + 1)


@engine.locked("pay", wait=0)
def impatient(request: HttpRequest, article: str) -> HttpResponse:
    request.session["paid"] = article
    return HttpResponse(article)


@engine.locked("pay", wait=0)
async def impatient_async(request: HttpRequest, article: str) -> HttpResponse:
    await request.session.aset("paid", article)
    return HttpResponse(article)


def fail_inside(request: HttpRequest) -> HttpResponse:
    request.session["before"] = True
    try:
        with engine.lock(request, "pay", wait=0):
            raise ZeroDivisionError
    except ZeroDivisionError:
        return HttpResponse("failed")


def logout_inside(request: HttpRequest) -> HttpResponse:
    with engine.lock(request, "pay", wait=0):
        request.session.flush()
    return HttpResponse("out")


def login_inside(request: HttpRequest) -> HttpResponse:
    with engine.lock(request, "pay", wait=0):
        request.session.cycle_key()
        request.session["_auth_user_id"] = "8"
    return HttpResponse("in")


def remember(request: HttpRequest, seconds: int) -> HttpResponse:
    request.session.set_expiry(seconds)
    return HttpResponse(request.session.get_expiry_age())


def cached(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(request.session.get("n", 0))
    response["Cache-Control"] = "private"
    return response


def apart(request: HttpRequest) -> HttpResponse:
    return HttpResponse("no session was read")


urlpatterns = [
    path("remember/<int:seconds>", remember),
    path("cached", cached),
    path("apart", apart),
    path("pay", pay),
    path("pay_async", pay_async),
    path("impatient/<article>", impatient),
    path("impatient_async/<article>", impatient_async),
    path("fail_inside", fail_inside),
    path("logout_inside", logout_inside),
    path("login_inside", login_inside),
    path("add", add),
    path("nested", nested),
    path("look", look),
    path("login", login),
    path("logout", logout),
]


@pytest.fixture
def client() -> Iterator[Client]:
    engine.sessions.cache_clear()
    yield Client()
    engine.sessions.cache_clear()


def test_a_session_lives_from_request_to_request(client: Client) -> None:
    assert [len(client.get("/add").json()["basket"]) for _ in range(3)] == [1, 2, 3]
    before = client.cookies["sessionid"].value
    client.get("/login")
    assert client.cookies["sessionid"].value != before
    assert len(client.get("/add").json()["basket"]) == 4, "a login loses nothing"
    client.get("/logout")
    assert len(client.get("/add").json()["basket"]) == 1


def test_a_change_deep_inside_is_kept_and_a_look_is_none(client: Client) -> None:
    assert [len(client.get("/nested").json()["basket"]["fruit"]) for _ in range(3)] == [1, 2, 3]
    assert client.get("/look").json() == {"basket": 1, "modified": False}


def test_a_user_is_logged_out_everywhere(client: Client) -> None:
    others = [client, Client(), Client()]
    for each in others:
        each.get("/add")
        each.get("/login")
    assert engine.end_all(7) == 3
    for each in others:
        assert len(each.get("/add").json()["basket"]) == 1


def test_a_store_that_fails_is_503_and_no_logout(client: Client) -> None:
    client.get("/add")
    ours = engine.sessions()
    whole, ours.connector = ours.connector, Broken(StoreUnavailable("away"))
    response = client.get("/add")
    assert response.status_code == 503
    assert "sessionid" not in response.cookies
    ours.connector = whole
    assert len(client.get("/add").json()["basket"]) == 2


def test_expired_sessions_are_cleared(client: Client) -> None:
    client.get("/add")
    engine.SessionStore.clear_expired()
    assert len(client.get("/add").json()["basket"]) == 2, "only those past their end"


def twin(client: Client) -> Client:
    """Another request of the same session."""
    other = Client()
    other.cookies["sessionid"] = client.cookies["sessionid"].value
    return other


def test_who_pays_pays_one_after_another(client: Client) -> None:
    client.get("/add")
    with ThreadPoolExecutor(8) as pool:
        paid = list(pool.map(lambda _: int(twin(client).get("/pay").content), range(40)))
    assert sorted(paid) == list(range(1, 41))


async def test_asynchronous_views_too(client: Client) -> None:
    await asyncio.to_thread(client.get, "/add")

    async def pay_once() -> int:
        other = AsyncClient()
        other.cookies["sessionid"] = client.cookies["sessionid"].value
        return int((await other.get("/pay_async")).content)

    assert sorted(await asyncio.gather(*(pay_once() for _ in range(20)))) == list(range(1, 21))


async def test_who_waits_too_long_is_told(client: Client) -> None:
    await asyncio.to_thread(client.get, "/add")
    other = AsyncClient()
    other.cookies["sessionid"] = client.cookies["sessionid"].value
    ours = engine.sessions()
    held = Held(ours.manager, ours.manager.session(client.cookies["sessionid"].value), "pay")
    carry_out(held.take(60, 0), ours.connector)
    for response in (
        await asyncio.to_thread(client.get, "/impatient/pear"),
        await other.get("/impatient_async/pear"),
    ):
        assert response.status_code == 409
        assert "another request of this session has held the lock 'pay'" in response.content.decode()
        assert response["Cache-Control"] == "no-store"
    carry_out(held.give_back(), ours.connector)
    assert (await asyncio.to_thread(client.get, "/impatient/pear")).content == b"pear"
    assert (await other.get("/impatient_async/plum")).content == b"plum"
    assert (await asyncio.to_thread(client.get, "/add")).json()["paid"] == "plum"


def test_what_fails_inside_gives_the_lock_back(client: Client) -> None:
    client.get("/add")
    assert client.get("/fail_inside").content == b"failed"
    assert client.get("/impatient/pear").status_code == 200
    assert client.get("/add").json()["before"] is True


def test_login_and_logout_inside_reach_the_client(client: Client) -> None:
    client.get("/add")
    before = client.cookies["sessionid"].value
    client.get("/login_inside")
    assert client.cookies["sessionid"].value != before
    assert len(client.get("/add").json()["basket"]) == 2
    client.get("/logout_inside")
    assert client.cookies["sessionid"].value == ""
    assert len(client.get("/add").json()["basket"]) == 1


def test_a_first_visit_has_nothing_to_lock(client: Client) -> None:
    assert client.get("/pay").content == b"1"
    assert client.get("/pay").content == b"2"


def test_a_lock_without_our_sessions_says_what_to_set() -> None:
    with pytest.raises(StoreMisconfigured, match="SESSION_ENGINE"):
        engine.lock(HttpRequest(), "pay")


def ends_in(client: Client) -> int:
    ours = engine.sessions()
    stored = carry_out(ours.manager.store.load(store_key(client.cookies["sessionid"].value), 0), ours.connector)
    assert stored is not None
    return round(stored.expires - time.time())


def test_set_expiry_is_of_the_session_not_only_of_its_cookie(client: Client) -> None:
    client.get("/add")
    assert ends_in(client) == settings.SESSION_COOKIE_AGE
    for seconds in (300, 30 * 24 * 3600):
        client.get(f"/remember/{seconds}")
        assert abs(ends_in(client) - seconds) <= 2
        client.get("/add")
        assert abs(ends_in(client) - seconds) <= 2, "a later save keeps to it"


def test_what_was_made_from_a_session_is_not_cached(client: Client) -> None:
    client.get("/add")
    for where, expected in (("/look", "no-store"), ("/cached", "private"), ("/apart", None)):
        response = client.get(where)
        assert response.get("Cache-Control") == expected
        assert response.get("Vary") == (None if expected is None else "Cookie")


def test_an_option_that_would_have_no_effect_is_told(client: Client) -> None:
    settings.SESSION_STORE_OPTIONS = {"signing_keys": (b"key",)}
    try:
        with pytest.raises(StoreMisconfigured, match="SESSION_COOKIE_NAME"):
            engine.sessions()
    finally:
        settings.SESSION_STORE_OPTIONS = {}
