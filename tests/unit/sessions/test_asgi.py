"""The middleware as Starlette and FastAPI users meet it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.testclient import TestClient

from steelyard.sessions import SessionMiddleware


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = FastAPI()
    app.add_middleware(SessionMiddleware, store="memory://", insecure=True)

    @app.get("/async")
    async def in_the_loop(request: Request) -> dict[str, int]:
        request.session["n"] = request.session.get("n", 0) + 1
        return dict(request.session)

    @app.get("/thread")
    def in_a_thread(request: Request) -> dict[str, int]:
        request.session["n"] = request.session.get("n", 0) + 1
        return dict(request.session)

    @app.get("/nested")
    async def nested(request: Request) -> int:
        request.session.setdefault("basket", {"items": []})["items"].append("pear")
        return len(request.session["basket"]["items"])

    @app.get("/untouched")
    async def untouched(tasks: BackgroundTasks) -> dict[str, str]:
        return {}

    @app.get("/login")
    async def login(request: Request) -> str:
        request.session.login("ann")
        return str(request.session.principal)

    @app.get("/clear")
    async def clear(request: Request) -> None:
        request.session.clear()

    @app.get("/logout")
    async def logout(request: Request) -> None:
        request.session.end()

    with TestClient(app) as opened:
        yield opened


def test_counts_in_coroutines_and_in_threads_alike(client: TestClient) -> None:
    assert [client.get(path).json()["n"] for path in ("/async", "/thread", "/async", "/thread")] == [1, 2, 3, 4]


def test_a_change_deep_inside_is_kept(client: TestClient) -> None:
    assert [client.get("/nested").json() for _ in range(3)] == [1, 2, 3]


def test_an_untouched_session_costs_no_cookie_and_no_field(client: TestClient) -> None:
    client.get("/async")
    response = client.get("/untouched")
    assert not {"set-cookie", "vary"} & set(response.headers)


def test_reading_marks_the_response_as_private(client: TestClient) -> None:
    response = client.get("/async")
    assert response.headers["vary"] == "Cookie"
    assert response.headers["cache-control"] == "no-store"


def test_the_cookie_is_set_once_and_renewed_by_a_login(client: TestClient) -> None:
    first = client.get("/async")
    assert "HttpOnly" in first.headers["set-cookie"]
    assert "SameSite=Lax" in first.headers["set-cookie"]
    before = client.cookies["session"]
    assert "set-cookie" not in client.get("/async").headers
    assert client.get("/login").json() == "ann"
    assert client.cookies["session"] != before
    assert client.get("/async").json()["n"] == 3, "nothing is lost by the renewal"


@pytest.mark.parametrize("way", ["/logout", "/clear"])
def test_the_end_is_the_end(client: TestClient, way: str) -> None:
    client.get("/async")
    old = client.cookies["session"]
    assert "Max-Age=0" in client.get(way).headers["set-cookie"]
    client.cookies.clear()
    response = client.get("/async", headers={"cookie": f"session={old}"})
    assert response.json()["n"] == 1, "the old id gives nothing"
    assert client.cookies["session"] != old


@pytest.mark.parametrize("value", ["", "x", "a" * 43, "a" * 70000, "..", 'a"b', "a" * 43 + "." + "b" * 22])
def test_hostile_cookies_give_a_new_session(client: TestClient, value: str) -> None:
    response = client.get(
        "/async", headers={"cookie": f"session={value}".encode("latin-1", "replace").decode("latin-1")}
    )
    assert response.status_code == 200
    assert response.json()["n"] == 1
