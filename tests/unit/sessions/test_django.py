"""Django's sessions and logins over a store."""

from __future__ import annotations

from collections.abc import Iterator

import django
import pytest
from django.conf import settings

from steelyard.sessions.errors import StoreUnavailable
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
from django.test import Client
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


urlpatterns = [
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
