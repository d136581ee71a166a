"""Whatever a client sends as its cookie: an own session or none, never an exception, never somebody else's.

Every framework on every store. Each application counts the visits of a session, so that a number above what the
client's own visits explain would be somebody else's session.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import flask
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from steelyard.sessions import SessionMiddleware, Settings
from steelyard.sessions.flask import Sessions
from steelyard.sessions.keys import Signer, new_id, store_key
from steelyard.sessions.wsgi import KEY, WSGISessionMiddleware

STORES = ("memory", "sqlite", "redis", "memcached", "mysql", "postgresql")
OURS, THEIRS = b"our key", b"another application's key"
Visit = Callable[[str, str], tuple[int, str, str]]
"""A request by path and cookie value: the status, the text and the cookie that was set."""


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "memory":
        return "memory://"
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sessions.db"
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


def starlette(url: str, keys: tuple[bytes, ...]) -> Visit:
    async def visit(request: Request) -> PlainTextResponse:
        request.session["visits"] = request.session.get("visits", 0) + 1
        if request.url.path == "/login":
            request.session.login("ann")  # type: ignore[attr-defined]
        return PlainTextResponse(str(request.session["visits"]))

    app = SessionMiddleware(
        Starlette(routes=[Route("/", visit), Route("/login", visit)]), url, insecure=True, signing_keys=keys
    )

    def get(path: str, cookie: str) -> tuple[int, str, str]:
        client = TestClient(app)
        response = client.get(path, headers={"cookie": cookie_field(cookie)})  # type: ignore[arg-type]
        return response.status_code, response.text, set_cookie(response.headers.get("set-cookie", ""))

    return get


def flask_app(url: str, keys: tuple[bytes, ...]) -> Visit:
    app = flask.Flask("shop")
    app.config["SESSION_INSECURE"] = True
    Sessions(app, url, signing_keys=keys)

    def visit() -> str:
        flask.session["visits"] = flask.session.get("visits", 0) + 1
        if flask.request.path == "/login":
            flask.session.login("ann")  # type: ignore[attr-defined]
        return str(flask.session["visits"])

    app.get("/")(visit)
    app.get("/login", endpoint="login")(visit)

    def get(path: str, cookie: str) -> tuple[int, str, str]:
        environ = {"HTTP_COOKIE": cookie_field(cookie).decode("latin-1")}
        response = app.test_client(use_cookies=False).get(path, environ_overrides=environ)
        return response.status_code, response.text, set_cookie(response.headers.get("Set-Cookie", ""))

    return get


def wsgi(url: str, keys: tuple[bytes, ...]) -> Visit:
    def app(environ, start):  # type: ignore[no-untyped-def]
        session = environ[KEY]
        session["visits"] = session.get("visits", 0) + 1
        if environ["PATH_INFO"] == "/login":
            session.login("ann")
        start("200 OK", [])
        return [str(session["visits"]).encode()]

    middleware = WSGISessionMiddleware(app, url, settings=Settings(insecure=True, signing_keys=keys))

    def get(path: str, cookie: str) -> tuple[int, str, str]:
        answer: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[[bytes], object]:
            answer[:] = [status, set_cookie(dict(headers).get("Set-Cookie", ""))]
            return lambda data: None

        environ = {"PATH_INFO": path, "HTTP_COOKIE": cookie_field(cookie).decode("latin-1")}
        text = b"".join(middleware(environ, start)).decode()
        return int(answer[0][:3]), text, answer[1]

    return get


def cookie_field(value: str) -> bytes:
    return b"session=" + value.encode("utf-8", "surrogatepass")


def set_cookie(field: str) -> str:
    return field.partition(";")[0].partition("=")[2]


FRAMEWORKS = pytest.mark.parametrize("application", [starlette, flask_app, wsgi])
SIGNING = pytest.mark.parametrize("keys", [(), (OURS,)], ids=["unsigned", "signed"])


def hostile(victim: str) -> list[str]:
    """Malformed, forged, oversized, another application's; some made out of a victim's true cookie."""
    session_id = victim.partition(".")[0]
    forged = new_id()
    return [
        *("", "=", ";;;", '"', "\x00", "\ufeff", "../../etc/passwd", "' OR 1=1 --", "*", "%s%n", "{}", "é" * 43),
        *("a" * 42, "a" * 44, "a" * 43, "a" * 43 + ".", "a" * 43 + "." + "b" * 22, "a" * 43 + ".é", "." * 50),
        *("a" * 8_000, "a" * 70_000, ";".join("session=x" for _ in range(2000))),
        *(forged, Signer([THEIRS]).sign(forged), Signer([OURS]).sign(forged)),
        *(victim[:-1], victim + "A", victim.swapcase(), victim[::-1], f"{victim}.{victim}", victim + "\x00"),
        *(store_key(session_id), f"steelyard:{store_key(session_id)}", f"steelyard:{session_id}"),
    ]


@FRAMEWORKS
@SIGNING
def test_a_hostile_cookie_gives_a_new_session(
    url: str, application: Callable[[str, tuple[bytes, ...]], Visit], keys: tuple[bytes, ...]
) -> None:
    visit = application(url, keys)
    _, first, victim = visit("/", "")
    assert (first, len(victim)) == ("1", 66 if keys else 43)
    for cookie in hostile(victim):
        status, text, given = visit("/", cookie)
        assert (status, text) == (200, "1"), f"{cookie[:60]!r} reached a session"
        assert given not in ("", victim, cookie), "the id is ours, never one that the client chose"
    assert visit("/", victim)[1] == "2", "the victim noticed nothing"


@FRAMEWORKS
def test_another_applications_signature_opens_nothing(
    url: str, application: Callable[[str, tuple[bytes, ...]], Visit]
) -> None:
    ours = application(url, (OURS,))
    _, _, cookie = ours("/", "")
    session_id = cookie.partition(".")[0]
    for forged in (session_id, Signer([THEIRS]).sign(session_id), cookie[:44] + "A" * 22):
        assert ours("/", forged)[1] == "1"
    assert ours("/", cookie)[1] == "2"


@FRAMEWORKS
def test_an_id_from_before_the_login_is_not_logged_in(
    url: str, application: Callable[[str, tuple[bytes, ...]], Visit]
) -> None:
    visit = application(url, ())
    _, _, planted = visit("/", "")
    _, _, renewed = visit("/login", planted)
    assert renewed not in ("", planted)
    status, text, given = visit("/", planted)
    assert status == 200
    assert given == "", "who replays the old id learns nothing of the new one"
    assert text == "2", "it sees the state of before the login"
    assert int(visit("/", renewed)[1]) >= 3
