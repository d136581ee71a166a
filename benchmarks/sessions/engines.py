"""Django's session engines: ours, its cache engine on the same Redis, and db and cached_db on SQLite.

One process has one Django, so each engine's SessionMiddleware is made for itself, around the same views.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
from django.conf import settings

from benchmarks.results import Result
from benchmarks.sessions.bare import VISITOR
from benchmarks.sessions.contest import blocking, microseconds, per_second
from benchmarks.targets import US

ENGINES = {
    US: "steelyard.sessions.django",
    "cache": "django.contrib.sessions.backends.cache",
    "db": "django.contrib.sessions.backends.db",
    "cached_db": "django.contrib.sessions.backends.cached_db",
}


def run(url: str, rounds: int, directory: Path) -> Result:
    """Requests per second of one visitor."""
    _set_up(url, directory)
    visitors = {name: _visit(engine) for name, engine in ENGINES.items()}
    metrics = [
        per_second(
            microseconds(
                f"django-{path}",
                title,
                {name: blocking(get(path)) for name, get in visitors.items()},
                rounds,
                60,
            )
        )
        for path, title in {"read": "Reads the session", "change": "Reads and changes the session"}.items()
    ]
    notes = [
        "middleware and view in process",
        "db and cached_db write to SQLite (journal WAL), cache and cached_db's cache are the same Redis",
    ]
    return Result("django", "Django", metrics, notes)


def _set_up(url: str, directory: Path) -> None:
    database = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(directory / "django.db"),
        "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"},
    }
    settings.configure(
        SECRET_KEY="x" * 50,
        SESSION_STORE=url,
        INSTALLED_APPS=["django.contrib.sessions"],
        DATABASES={"default": database},
        CACHES={"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}},
        USE_TZ=True,
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _visit(engine: str) -> Callable[[str], Callable[[], None]]:
    """A visitor who has a session: from a view to the request."""
    from django.contrib.sessions.middleware import SessionMiddleware
    from django.http import HttpRequest, HttpResponse

    cookies: dict[str, str] = {}
    views: dict[str, Callable[[Any], object]] = {
        "begin": lambda session: session.update(VISITOR),
        "read": lambda session: session["user"],
        "change": lambda session: session.update({"seen": session["seen"] + 1}),
    }

    def view(request: HttpRequest) -> HttpResponse:
        views[request.path](request.session)
        return HttpResponse("done")

    settings.SESSION_ENGINE = engine
    handler = SessionMiddleware(view)

    def get(path: str) -> None:
        request = HttpRequest()
        request.path, request.COOKIES = path, dict(cookies)
        for name, morsel in handler(request).cookies.items():
            cookies[name] = morsel.value

    get("begin")
    assert cookies
    return lambda path: lambda: get(path)
