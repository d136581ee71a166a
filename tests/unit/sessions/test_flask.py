"""Flask's ``session`` over a store."""

from __future__ import annotations

import flask
import pytest
from flask.testing import FlaskClient

from steelyard.sessions.errors import StoreMisconfigured, StoreUnavailable
from steelyard.sessions.flask import Sessions
from tests.unit.sessions.broken import Broken


def application(**config: object) -> flask.Flask:
    app = flask.Flask("shop")
    app.config.update(SESSION_STORE="memory://", SESSION_INSECURE=True, **config)
    Sessions(app)

    @app.get("/add")
    def add() -> str:
        flask.session.setdefault("basket", []).append("pear")
        return str(len(flask.session["basket"]))

    @app.get("/login")
    def login() -> str:
        flask.session.login("ann")  # type: ignore[attr-defined]
        return "in"

    @app.get("/logout")
    def logout() -> str:
        flask.session.clear()
        return "out"

    @app.get("/untouched")
    def untouched() -> str:
        return "nothing"

    return app


@pytest.fixture
def client() -> FlaskClient:
    return application().test_client()


def cookie(client: FlaskClient) -> str:
    found = client.get_cookie("session")
    assert found is not None
    return found.value


def test_a_session_lives_from_request_to_request(client: FlaskClient) -> None:
    assert [client.get("/add").text for _ in range(3)] == ["1", "2", "3"]
    before = cookie(client)
    client.get("/login")
    assert cookie(client) != before
    assert client.get("/add").text == "4"
    client.get("/logout")
    assert client.get_cookie("session") is None
    assert client.get("/add").text == "1"


def test_untouched_costs_nothing(client: FlaskClient) -> None:
    client.get("/add")
    response = client.get("/untouched")
    assert "Set-Cookie" not in response.headers
    assert "Vary" not in response.headers


def test_flask_settings_count() -> None:
    client = application(SESSION_COOKIE_NAME="sid", SESSION_COOKIE_SAMESITE="Strict").test_client()
    header = client.get("/add").headers["Set-Cookie"]
    assert header.startswith("sid=")
    assert "SameSite=Strict" in header


def test_a_store_that_fails_is_503_and_no_logout() -> None:
    app = application()
    client = app.test_client()
    client.get("/add")
    before = cookie(client)
    interface = app.session_interface
    assert isinstance(interface, Sessions)
    whole, interface.sessions.connector = interface.sessions.connector, Broken(StoreUnavailable("away"))
    response = client.get("/add")
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert cookie(client) == before
    interface.sessions.connector = whole
    assert client.get("/add").text == "2"


def test_no_store_is_told() -> None:
    with pytest.raises(StoreMisconfigured, match="SESSION_STORE"):
        Sessions(flask.Flask("shop"))


def test_what_flasks_pages_tell_users_to_do_works() -> None:
    app = application()
    app.secret_key = "for nothing but flash's own checks"

    @app.get("/usual")
    def usual() -> str:
        flask.session.permanent = True
        flask.session.setdefault("basket", []).append("plum")
        flask.session.modified = True
        flask.flash("hello")
        return flask.render_template_string("{{ session['basket'] | join }} {{ get_flashed_messages() | join }}")

    client = app.test_client()
    assert [client.get("/usual").text for _ in range(2)] == ["plum hello", "plumplum hello"]
