"""``on_failure="read-only"`` where the store cannot save: the answer goes out, nothing is saved, nobody is logged out.

ASGI's is in test_failures; here are WSGI, Flask and Django.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

import flask
import pytest

from steelyard.sessions import Settings
from steelyard.sessions.errors import StoreMisconfigured, StoreUnavailable
from steelyard.sessions.flask import Sessions
from steelyard.sessions.wsgi import KEY, Blocking, WSGISessionMiddleware
from tests.unit.sessions import test_django as project
from tests.unit.sessions.broken import Broken

Get = Callable[[str], tuple[int, str]]
"""A request by the value of its cookie: the status, and the cookie that was set."""


def browser(app: Any, name: str) -> Get:
    def get(cookie: str) -> tuple[int, str]:
        answer: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[[bytes], object]:
            answer[:] = [int(status[:3]), dict(headers).get("Set-Cookie", "")]
            return lambda data: None

        environ = {"PATH_INFO": "/add", "REQUEST_METHOD": "GET", "SERVER_NAME": "shop", "SERVER_PORT": "80"}
        environ |= {"wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(), "SCRIPT_NAME": ""}
        b"".join(app({**environ, "HTTP_COOKIE": f"{name}={cookie}"}, start))
        sent = SimpleCookie(answer[1])
        return answer[0], sent[name].value if name in sent else ""

    return get


def wsgi(**options: Any) -> tuple[Get, Blocking]:
    def app(environ: dict[str, Any], start: Any) -> list[bytes]:
        environ[KEY]["n"] = environ[KEY].get("n", 0) + 1
        start("200 OK", [])
        return [str(environ[KEY]["n"]).encode()]

    made = WSGISessionMiddleware(app, insecure=True, **options)
    return browser(made, "session"), made.sessions


def flask_app(**options: Any) -> tuple[Get, Blocking]:
    app = flask.Flask("shop")
    app.config.update(SESSION_STORE="memory://", SESSION_INSECURE=True)
    made = Sessions(app, **options)

    @app.get("/add")
    def add() -> str:
        flask.session["n"] = flask.session.get("n", 0) + 1
        return str(flask.session["n"])

    return browser(app, "session"), made.sessions


def django_project(**options: Any) -> tuple[Get, Blocking]:
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler

    settings.SESSION_STORE_OPTIONS = options
    project.engine.sessions.cache_clear()
    return browser(WSGIHandler(), "sessionid"), project.engine.sessions()


@pytest.fixture(autouse=True)
def _django_as_it_was() -> Any:
    yield
    from django.conf import settings

    settings.SESSION_STORE_OPTIONS = {}
    project.engine.sessions.cache_clear()


FRAMEWORKS = pytest.mark.parametrize("framework", [wsgi, flask_app, django_project])


@FRAMEWORKS
def test_the_answer_goes_out_and_nothing_is_saved(framework: Callable[..., tuple[Get, Blocking]]) -> None:
    get, sessions = framework(on_failure="read-only")
    _, cookie = get("")
    whole = sessions.connector
    sessions.connector = Broken(StoreUnavailable("away"), whole, good=1)
    status, sent = get(cookie)
    assert status == 200
    assert sent in ("", cookie), "loaded, not saved; Django sends the same cookie again"
    sessions.connector = Broken(StoreUnavailable("away"))
    assert get(cookie)[0] == 503, "what cannot be loaded is never an empty session"
    assert get("") == (200, ""), "a first visit gets no session, and no cookie of one"
    sessions.connector = whole
    status, sent = get(cookie)
    assert status == 200
    assert sent in ("", cookie), "still logged in"


@FRAMEWORKS
def test_without_it_a_save_that_fails_is_a_503(framework: Callable[..., tuple[Get, Blocking]]) -> None:
    get, sessions = framework()
    _, cookie = get("")
    sessions.connector = Broken(StoreUnavailable("away"), sessions.connector, good=1)
    assert get(cookie) == (503, "")


@pytest.mark.parametrize("name", ["on_failure", "on_conflict", "same_site"])
def test_a_word_that_is_none_is_told_with_those_that_are(name: str) -> None:
    with pytest.raises(StoreMisconfigured, match=f"{name} is '.*' or '.*', found 'readonly'"):
        Settings(**{name: "readonly"})  # type: ignore[arg-type]


def test_options_beside_settings_count() -> None:
    made = WSGISessionMiddleware(lambda environ, start: [], settings=Settings(idle=5), insecure=True)
    assert (made.sessions.manager.settings.idle, made.sessions.manager.settings.insecure) == (5, True)
