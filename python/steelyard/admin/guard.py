"""Who may call the admin API: checked before any route, on the bare request.

* With a token: every call but the health checks carries it (RFC 6750 §2.1), compared in constant time.
* Without one we listen on a loopback address only, and ``Host`` must name one. A web page that made its own name
  resolve to 127.0.0.1 (DNS rebinding) sends its own name there and is refused.
* A call that changes state says ``Content-Type: application/json``. A form on somebody's page cannot say that, and a
  script on it would need our consent first (CORS), which we never give.
"""

from __future__ import annotations

import hmac
import ipaddress

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from steelyard.admin.problems import place_of, problem_response
from steelyard.admin.shapes import Problem

_OPEN = frozenset({"/healthz", "/readyz"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    def __init__(self, app: ASGIApp, token: bytes | None) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        problem = self._refusal(request)
        if problem is None:
            await self._app(scope, receive, send)
            return
        headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else None
        await problem_response(problem, headers)(scope, receive, send)

    def _refusal(self, request: Request) -> Problem | None:
        if self._token is None:
            host = request.headers.get("host", "")
            if not names_loopback(host):
                return _problem(
                    request,
                    403,
                    "Host not ours",
                    f"without a token only a loopback Host is answered, and this call names {host!r}",
                    "Call http://127.0.0.1 or http://localhost, or configure admin.token.",
                )
        elif request.url.path not in _OPEN and not self._carries_token(request):
            return _problem(
                request,
                401,
                "Token needed",
                "the call carries no Authorization field with the right bearer token",
                "Send `Authorization: Bearer TOKEN`; the commands take the token from STEELYARD_TOKEN.",
            )
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if request.method not in _SAFE and media_type != "application/json":
            return _problem(
                request,
                415,
                "Content type not JSON",
                f"a call that changes state says Content-Type: application/json, not {media_type or 'nothing'!r}",
                "Send the field `Content-Type: application/json`, also where there is no body.",
            )
        return None

    def _carries_token(self, request: Request) -> bool:
        assert self._token is not None
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        given = credentials.strip().encode("latin-1")
        return hmac.compare_digest(given, self._token) and scheme.lower() == "bearer"


def names_loopback(host: str) -> bool:
    """Whether a Host field (with or without a port) names this machine's loopback."""
    name = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _problem(request: Request, status: int, title: str, cause: str, cure: str) -> Problem:
    return Problem(title=title, status=status, detail=cause, place=place_of(request), cause=cause, cure=cure)
