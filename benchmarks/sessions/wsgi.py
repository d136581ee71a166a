"""Flask with our interface, with Flask-Session and with its own cookie, driven in process by a bare WSGI client."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

import flask
import flask_session
import redis

from benchmarks.results import Result
from benchmarks.sessions.bare import VISITOR
from benchmarks.sessions.contest import blocking, microseconds, per_second
from benchmarks.targets import US
from steelyard.sessions.flask import Sessions

PATHS = {"read": "Reads the session", "change": "Reads and changes the session"}


def run(url: str, rounds: int) -> Result:
    """Requests per second of one visitor."""
    with redis.Redis.from_url(url) as client:
        visitors = {name: visit(app) for name, app in _applications(url, client).items()}
        metrics = [
            per_second(
                microseconds(
                    f"flask-{path}",
                    title,
                    {name: blocking(get(f"/{path}")) for name, get in visitors.items()},
                    rounds,
                    60,
                )
            )
            for path, title in PATHS.items()
        ]
    notes = [
        "in process, without a server",
        "Flask-Session writes only when something changed at the top, and does not compare",
    ]
    return Result("flask", "Flask", metrics, notes)


def _applications(url: str, client: redis.Redis) -> dict[str, flask.Flask]:
    ours = flask.Flask("ours")
    ours.config.update(SESSION_STORE=url, SESSION_INSECURE=True)
    Sessions(ours)
    theirs = flask.Flask("theirs")
    theirs.config.update(SESSION_TYPE="redis", SESSION_REDIS=client)
    flask_session.Session(theirs)
    own = flask.Flask("own")
    own.secret_key = "secret"
    for app in (ours, theirs, own):
        app.get("/begin")(begin)
        app.get("/read")(read)
        app.get("/change")(change)
    return {US: ours, "Flask-Session": theirs, "Flask's cookie": own}


def begin() -> str:
    flask.session.update(VISITOR)
    return "welcome"


def read() -> str:
    return str(flask.session["user"])


def change() -> str:
    flask.session["seen"] += 1
    return str(flask.session["user"])


def visit(app: Any) -> Callable[[str], Callable[[], None]]:
    """A visitor who has a session: from a path to the request."""
    cookie = ""

    def get(path: str) -> None:
        nonlocal cookie

        def start(status: str, headers: Iterable[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            nonlocal cookie
            assert status == "200 OK", status
            for name, value in headers:
                if name.lower() == "set-cookie":
                    cookie = value.partition(";")[0]
            return lambda data: None

        environ = {
            **{"REQUEST_METHOD": "GET", "PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": "", "HTTP_HOST": "shop"},
            **{"SERVER_NAME": "shop", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_COOKIE": cookie},
            **{"wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": BytesIO(), "wsgi.errors": BytesIO()},
            **{"wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False},
        }
        body = app(environ, start)
        b"".join(body)
        if close := getattr(body, "close", None):
            close()

    get("/begin")
    assert cookie
    return lambda path: lambda: get(path)
