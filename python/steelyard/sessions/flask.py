"""Flask: ``Sessions(app)`` with ``app.config["SESSION_STORE"] = "redis://…"``; then ``flask.session`` as ever.

Flask's own settings count where they are set: SESSION_COOKIE_NAME, _DOMAIN, _PATH, _SAMESITE and
PERMANENT_SESSION_LIFETIME (the idle time). The cookie is ``__Host-``, Secure and HttpOnly; for development over plain
HTTP set ``SESSION_INSECURE = True``.
"""

from __future__ import annotations

from typing import Any

from steelyard.sessions.errors import Conflict, StoreMisconfigured, StoreUnavailable
from steelyard.sessions.response import RETRY_AFTER_S, UNAVAILABLE, fields
from steelyard.sessions.settings import Settings
from steelyard.sessions.stores import Store
from steelyard.sessions.wsgi import Blocking, BlockingSession

try:
    from flask import Flask, Request, Response
    from flask.sessions import SessionInterface, SessionMixin
except ImportError:
    raise StoreMisconfigured("Flask is not installed: pip install flask") from None


class FlaskSession(BlockingSession, SessionMixin):  # type: ignore[override]
    """A session with the attributes that Flask's own have."""

    permanent = True

    @property
    def modified(self) -> bool:
        """Whether there is anything to save. May be set, as Flask asks for after a change deep inside; it is found
        without."""
        return super().modified

    @modified.setter
    def modified(self, value: bool) -> None:
        pass


class Sessions(SessionInterface):
    """Replaces Flask's cookie sessions by sessions on a store. The options are the fields of ``Settings``."""

    def __init__(self, app: Flask | None = None, store: str | Store | None = None, **options: Any) -> None:
        self._store = store
        self._options = options
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Take over the sessions of an application."""
        store = self._store or app.config.get("SESSION_STORE")
        if store is None:
            raise StoreMisconfigured('no store for sessions: set app.config["SESSION_STORE"] = "redis://…"')
        self.sessions = Blocking(store, Settings(**{**_from_config(app), **self._options}))
        app.session_interface = self
        app.register_error_handler(StoreUnavailable, _unavailable)
        app.register_error_handler(Conflict, lambda error: (f"{error}. Try again.\n", 409))

    def open_session(self, app: Flask, request: Request) -> FlaskSession:
        return FlaskSession(self.sessions, self.sessions.cookie_id(request.headers.get("Cookie", "")))

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        assert isinstance(session, FlaskSession)
        try:
            change = self.sessions.save(session)
        except (StoreUnavailable, Conflict) as error:
            # Too late for an error handler: the response that would tell of a save that did not happen is replaced.
            body, status, *head = (
                (*_unavailable(error),) if isinstance(error, StoreUnavailable) else (f"{error}\n", 409)
            )
            response.set_data(body)
            response.status_code = status
            response.headers.update(head[0] if head else {})
            return
        for name, value in fields(self.sessions.manager, session, change, response.headers.keys()):
            response.headers.add(name, value)


def _unavailable(_: Exception) -> tuple[str, int, dict[str, str]]:
    return UNAVAILABLE, 503, {"Retry-After": str(RETRY_AFTER_S), "Cache-Control": "no-store"}


def _from_config(app: Flask) -> dict[str, Any]:
    """Flask's settings in our words, those that differ from Flask's defaults."""
    config = app.config
    found: dict[str, Any] = {
        "insecure": bool(config.get("SESSION_INSECURE", False)),
        "idle": config["PERMANENT_SESSION_LIFETIME"].total_seconds(),
    }
    if config["SESSION_COOKIE_NAME"] != "session":
        found["cookie"] = config["SESSION_COOKIE_NAME"]
    if config["SESSION_COOKIE_DOMAIN"]:
        found["domain"] = config["SESSION_COOKIE_DOMAIN"]
    if config["SESSION_COOKIE_PATH"]:
        found["path"] = config["SESSION_COOKIE_PATH"]
    if config["SESSION_COOKIE_SAMESITE"]:
        found["same_site"] = config["SESSION_COOKIE_SAMESITE"].lower()
    return found
