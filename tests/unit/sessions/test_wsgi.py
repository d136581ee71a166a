"""The WSGI middleware as PEP 3333 allows applications and servers to be."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.validate import validator

import pytest

from steelyard.sessions import Settings, StoreUnavailable
from steelyard.sessions.wsgi import KEY, WSGISessionMiddleware
from tests.unit.sessions.broken import Broken


class Client:
    """A browser with one cookie in front of a WSGI application that is checked for conformance."""

    def __init__(self, app: Callable[..., Iterable[bytes]], **options: Any) -> None:
        self.middleware = WSGISessionMiddleware(app, settings=Settings(insecure=True, **options))
        self.cookie = ""
        self.headers: dict[str, str] = {}

    def get(self, close: bool = True) -> tuple[str, bytes]:
        answer: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            answer[:] = [status]
            self.headers = {name.lower(): value for name, value in headers}
            return lambda data: None

        environ = {
            **{"REQUEST_METHOD": "GET", "SERVER_NAME": "x", "SERVER_PORT": "80", "PATH_INFO": "/", "SCRIPT_NAME": ""},
            **{"SERVER_PROTOCOL": "HTTP/1.1", "QUERY_STRING": "", "HTTP_COOKIE": self.cookie},
            **{"wsgi.version": (1, 0), "wsgi.input": Input(), "wsgi.errors": sys.stderr, "wsgi.url_scheme": "http"},
            **{"wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False},
        }
        body = validator(self.middleware)(environ, start)
        try:
            whole = b"".join(body)
        finally:
            body.close()  # type: ignore[attr-defined]
        if "set-cookie" in self.headers:
            self.cookie = self.headers["set-cookie"].partition(";")[0]
        return answer[0], whole


class Input:
    """An empty body, with the methods that the checker wants."""

    def read(self, size: int = -1) -> bytes:
        return b""

    readline = read

    def readlines(self, hint: int = -1) -> list[bytes]:
        return []

    def __iter__(self) -> Iterator[bytes]:
        return iter(())


TEXT = [("Content-Type", "text/plain")]


def count(environ: dict[str, Any]) -> bytes:
    environ[KEY]["n"] = environ[KEY].get("n", 0) + 1
    return str(environ[KEY]["n"]).encode()


def plain(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    body = count(environ)
    start("200 OK", TEXT)
    return [body]


def lazy(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    body = count(environ)
    start("200 OK", TEXT)
    yield body
    yield b"!"


def late(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    """Changes the session after ``start_response`` was found but before it is called."""

    def parts() -> Iterator[bytes]:
        body = count(environ)
        start("200 OK", TEXT)
        yield body

    return parts()


def written(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    count(environ)
    start("200 OK", TEXT)(b"by the old way")
    return [b""]


@pytest.mark.parametrize("app", [plain, lazy, late, written])
def test_each_way_to_answer_is_saved_before_the_answer(app: Callable[..., Iterable[bytes]]) -> None:
    client = Client(app)
    client.get()
    assert client.headers["set-cookie"].startswith("session=")
    first = client.cookie
    client.get()
    assert "set-cookie" not in client.headers
    assert client.cookie == first
    _, body = client.get()
    assert body.rstrip(b"!") in (b"3", b"")
    assert client.headers["vary"] == "Cookie"


def test_a_body_that_is_not_read_to_its_end_is_closed() -> None:
    closed = []

    class Body:
        def __init__(self, environ: dict[str, Any], start: Any) -> None:
            start("200 OK", TEXT)
            self._parts = iter([b"a", b"b"])

        def __iter__(self) -> Iterator[bytes]:
            return self

        def __next__(self) -> bytes:
            return next(self._parts)

        def close(self) -> None:
            closed.append(True)

    Client(Body).get()
    assert closed == [True]


def test_an_error_after_the_start_replaces_the_head() -> None:
    def fails(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        count(environ)
        start("200 OK", TEXT)
        try:
            raise ValueError("late")
        except ValueError:
            start("500 Internal Server Error", TEXT, sys.exc_info())
        return [b"error"]

    client = Client(fails)
    assert client.get() == ("500 Internal Server Error", b"error")


@pytest.mark.parametrize("app", [plain, lazy, late])
def test_a_store_that_is_away_is_503_and_no_logout(app: Callable[..., Iterable[bytes]]) -> None:
    client = Client(app)
    client.get()
    sessions = client.middleware.sessions
    whole, sessions.connector = sessions.connector, Broken(StoreUnavailable("away"))
    status, _ = client.get()
    assert status == "503 Service Unavailable"
    assert "set-cookie" not in client.headers
    assert client.headers["retry-after"]
    sessions.connector = whole
    assert client.get()[1].rstrip(b"!") == b"2"


def test_a_conflict_is_409_where_it_is_raised() -> None:
    inner: list[Client] = []

    def racing(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        body = count(environ)
        if inner:
            inner.pop().get()
        start("200 OK", TEXT)
        return [body]

    client = Client(racing, on_conflict="raise")
    client.get()
    other = Client(racing)
    other.middleware, other.cookie = client.middleware, client.cookie
    inner.append(other)
    status, body = client.get()
    assert status == "409 Conflict"
    assert b"n of this session" in body
    assert client.get()[1] == b"3", "the other's save stands"


def test_the_lock_lets_one_in_and_tells_the_other() -> None:
    inner: list[Client] = []
    seen = []

    def alone(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        session = environ[KEY]
        with session.lock("pay", wait=0.02 if not inner else 5):
            body = count(environ)
            if inner:
                seen.append(inner.pop().get()[0])
        start("200 OK", TEXT)
        return [body]

    client = Client(alone)
    client.get()
    other = Client(alone)
    other.middleware, other.cookie = client.middleware, client.cookie
    inner.append(other)
    assert client.get() == ("200 OK", b"2")
    assert seen == ["409 Conflict"]
    assert client.get() == ("200 OK", b"3"), "it was given back"
