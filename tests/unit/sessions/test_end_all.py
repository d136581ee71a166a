"""Log out everywhere, from a request of each framework; and the snippet of the guide that lists and counts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import flask
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from steelyard.sessions import Manager, SessionMiddleware, carry_out, open_store
from steelyard.sessions.conformance import begin
from steelyard.sessions.flask import Sessions
from steelyard.sessions.stores import Store
from steelyard.sessions.wsgi import KEY, WSGISessionMiddleware

Browser = Callable[[str], str]
"""A browser with a cookie of its own: the text at a path."""


def starlette(store: Store) -> Callable[[], Browser]:
    async def page(request: Request) -> PlainTextResponse:
        session: Any = request.session
        match request.url.path.strip("/").split("/"):
            case ["login", who]:
                session.login(who)
            case ["end"]:
                return PlainTextResponse(str(await session.end_all()))
            case ["others"]:
                return PlainTextResponse(str(await session.end_all(but_this=True)))
            case ["end", who]:
                return PlainTextResponse(str(await session.end_all(who)))
        return PlainTextResponse(session.principal)

    app = SessionMiddleware(Starlette(routes=[Route("/{rest:path}", page)]), store, insecure=True)

    def browser() -> Browser:
        client = TestClient(app)  # type: ignore[arg-type]
        return lambda path: client.get(path).text

    return browser


def act(session: Any, path: str) -> str:
    match path.strip("/").split("/"):
        case ["login", who]:
            session.login(who)
        case ["end"]:
            return str(session.end_all())
        case ["others"]:
            return str(session.end_all(but_this=True))
        case ["end", who]:
            return str(session.end_all(who))
    return str(session.principal)


def flask_app(store: Store) -> Callable[[], Browser]:
    app = flask.Flask("shop")
    app.config["SESSION_INSECURE"] = True
    Sessions(app, store)
    app.get("/<path:path>")(lambda path: act(flask.session, path))

    def browser() -> Browser:
        client = app.test_client()
        return lambda path: client.get(path).text

    return browser


def wsgi(store: Store) -> Callable[[], Browser]:
    def page(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        text = act(environ[KEY], environ["PATH_INFO"])
        start("200 OK", [])
        return [text.encode()]

    app = WSGISessionMiddleware(page, store, insecure=True)

    def browser() -> Browser:
        jar = {"cookie": ""}

        def get(path: str) -> str:
            def start(
                status: str, headers: list[tuple[str, str]], exc_info: object = None
            ) -> Callable[[bytes], object]:
                jar["cookie"] = dict(headers).get("Set-Cookie", jar["cookie"]).partition(";")[0]
                return lambda data: None

            return b"".join(app({"PATH_INFO": path, "HTTP_COOKIE": jar["cookie"]}, start)).decode()

        return get

    return browser


@pytest.mark.parametrize("framework", [starlette, flask_app, wsgi])
def test_a_user_is_logged_out_everywhere_and_nobody_else(framework: Callable[[Store], Callable[[], Browser]]) -> None:
    store = open_store("memory://")
    browser = framework(store)
    one, two, three, bob, nobody = (browser() for _ in range(5))
    anonymous = begin(Manager(store), store.connector())
    for each in (one, two, three):
        each("/login/ann")
    bob("/login/bob")
    assert one("/others") == "2"
    assert [each("/who") for each in (one, two, three, bob)] == ["ann", "", "", "bob"]
    two("/login/ann")
    assert one("/end") == "2"
    assert [each("/who") for each in (one, two, bob)] == ["", "", "bob"]
    two("/login/ann")
    assert bob("/end/ann") == "1"
    assert [two("/who"), bob("/who")] == ["", "bob"]
    assert nobody("/end") == "0", "who is not logged in ends nobody's"
    left = Manager(store).session(anonymous.state.cookie_id)
    carry_out(Manager(store).load(left), store.connector())
    assert not left.new


def test_nobody_is_no_principal() -> None:
    store = open_store("memory://")
    connector, manager = store.connector(), Manager(store)
    for _ in range(3):
        begin(manager, connector)
    assert carry_out(manager.end_all(""), connector) == 0
    assert carry_out(manager.of_principal(""), connector) == []
    assert carry_out(manager.count(), connector) == 3


def test_the_snippet_of_the_guide_runs() -> None:
    page = (Path(__file__).parents[3] / "docs/sessions/guide.md").read_text()
    (snippet,) = re.findall(r"```python\n(from steelyard\.sessions import Manager.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(snippet.replace("redis://127.0.0.1/0", "memory://"), names)
    assert carry_out(names["manager"].count(), names["connector"]) == 0
