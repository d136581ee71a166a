"""What FastAPI cannot know of our OpenAPI document: how errors look, an example of every shape, and the streams."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from steelyard import __version__
from steelyard.admin.problems import MEDIA_TYPE
from steelyard.admin.shapes import (
    AdminStateBody,
    AlgorithmBody,
    Fault,
    Index,
    Problem,
    Reloaded,
    Removed,
    WeightBody,
)
from steelyard.config.model import Server
from steelyard.status import Candidate, Event, Explanation, PoolStatus, ServerStatus, ServiceStatus, Status

DESCRIPTION = """\
Everything an operator can see and do while the balancer runs.

* With a token configured every call but /healthz and /readyz carries `Authorization: Bearer TOKEN`. Without one only
  loopback callers are answered, and `Host` must name a loopback address.
* Calls that change state say `Content-Type: application/json` and return only after the change is in force.
* Errors are `application/problem+json` (RFC 9457) with `place`, `cause` and `cure`.
"""

_SERVER = ServerStatus(
    id="a",
    address="10.0.0.11:8080",
    resolved="10.0.0.11:8080",
    health="up",
    admin="ready",
    eligible=True,
    why="up",
    drained=False,
    backup=False,
    weight=5,
    effective_weight=5.0,
    max_connections=0,
    active=3,
    requests=81_264,
    responses={"1xx": 0, "2xx": 81_201, "3xx": 0, "4xx": 60, "5xx": 3},
    failures={"connect": 0, "reset": 1, "timeout": 0, "protocol": 0},
    latency_p50_ms=1.2,
    latency_p99_ms=8.4,
    last_probe="200 in 3 ms",
)
_POOL = PoolStatus(name="web", algorithm="weighted-least-connections", queued=0, retries=4, servers=(_SERVER,))
_SERVICE = ServiceStatus(
    name="www",
    mode="proxy",
    listen="0.0.0.0:80",
    pool="web",
    connections=120,
    requests=81_270,
    responses={"1xx": 0, "2xx": 81_201, "3xx": 0, "4xx": 66, "5xx": 3},
    rejected={"bad-request": 6},
    bytes_in=9_100_000,
    bytes_out=412_000_000,
    latency_p50_ms=1.3,
    latency_p99_ms=8.9,
)

EXAMPLES: tuple[BaseModel, ...] = (
    _SERVER,
    _POOL,
    _SERVICE,
    Status(
        version=__version__,
        snapshot=7,
        decided=7,
        uptime_s=3600.0,
        file="/etc/steelyard.toml",
        stopping=False,
        log_dropped=0,
        services=(_SERVICE,),
        pools=(_POOL,),
    ),
    Candidate(id="a", eligible=True, why="up"),
    Explanation(
        pool="web",
        algorithm="maglev",
        client="192.0.2.7",
        server="a",
        reason="maglev: the client's place in the table belongs to a",
        candidates=(Candidate(id="a", eligible=True, why="up"), Candidate(id="b", eligible=False, why="down")),
    ),
    Event(
        at=1_767_225_600.0, kind="server-down", pool="web", server="b", message="3 probes failed: connection refused"
    ),
    Server(id="c", address="10.0.0.13:8080", weight=2),
    AdminStateBody(admin="drain"),
    WeightBody(weight=10),
    AlgorithmBody(algorithm="maglev"),
    Reloaded(changes=("pools.web.servers.c added",)),
    Removed(pool="web", server="c"),
    Index(
        name="steelyard",
        version=__version__,
        openapi="/openapi.json",
        status="/v1/status",
        metrics="/metrics",
        events="/v1/events",
    ),
    Fault(place="body.weight", cause="Input should be less than or equal to 1000"),
    Problem(
        title="Unknown name",
        status=404,
        detail="there is no server 'x' in pool 'web'",
        place="PUT /v1/pools/web/servers/x/weight",
        cause="there is no server 'x' in pool 'web'",
        cure="GET /v1/pools and GET /v1/services list the names that there are.",
    ),
)

_TEXT = {"schema": {"type": "string"}}
_PLAIN = {
    "/metrics": ("text/plain", 'steelyard_service_requests_total{service="www"} 81270.0\n'),
    "/healthz": ("text/plain", "ok\n"),
    "/readyz": ("text/plain", "ready\n"),
    "/v1/events": (
        "text/event-stream",
        'event: server-down\ndata: {"at":1767225600.0,"kind":"server-down","pool":"web","server":"b","message":""}\n\n',
    ),
}


def install(app: FastAPI) -> None:
    """Complete the document the first time it is asked for."""
    made = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(made())
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = complete  # type: ignore[method-assign]  # the way FastAPI's documentation prescribes


def _complete(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    for model in (Problem, Fault, Event):
        definition = model.model_json_schema(ref_template="#/components/schemas/{model}")
        definition.pop("$defs", None)
        schemas[model.__name__] = definition
    for example in EXAMPLES:
        schemas[type(example).__name__]["examples"] = [example.model_dump(mode="json")]
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"token": []}, {}]
    error = {
        "description": "Refused or failed; the body says what, why and what to do.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for path, item in document["paths"].items():
        for operation in item.values():
            responses = operation["responses"]
            responses.pop("422", None)
            responses["default"] = error
            if path in _PLAIN:
                media_type, text = _PLAIN[path]
                responses["200"]["content"] = {media_type: {**_TEXT, "example": text}}
            if path == "/readyz":
                responses["503"] = {"description": "Stopping.", "content": {"text/plain": _TEXT}}
