"""Errors as ``application/problem+json`` (RFC 9457), each with place, cause and cure. Never a traceback."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from steelyard.admin.shapes import Fault, Problem
from steelyard.errors import ConfigError, PlaneError, Refused, SteelyardError, UnknownName

MEDIA_TYPE: Final = "application/problem+json"
_log = logging.getLogger("steelyard.admin")

_KINDS: Final[tuple[tuple[type[SteelyardError], int, str, str], ...]] = (
    (UnknownName, 404, "Unknown name", "GET /v1/pools and GET /v1/services list the names that there are."),
    (Refused, 409, "Refused", "Bring about the state that the cause speaks of, then ask again."),
    (ConfigError, 422, "Configuration not usable", "Correct the faults; until then the old configuration goes on."),
    (PlaneError, 409, "Not applied", "Remove the cause and ask again; the old configuration goes on."),
)


def problem_response(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    return Response(problem.model_dump_json(), problem.status, headers, MEDIA_TYPE)


def place_of(request: Request) -> str:
    return f"{request.method} {request.url.path}"


async def _steelyard_error(request: Request, error: Exception) -> Response:
    status, title, cure = 500, "Failed", "The cause says more."
    for kind, kind_status, kind_title, kind_cure in _KINDS:
        if isinstance(error, kind):
            status, title, cure = kind_status, kind_title, kind_cure
            break
    faults: tuple[Fault, ...] = ()
    cause = str(error)
    if isinstance(error, ConfigError):
        faults = tuple(
            Fault(
                place=problem.key,
                cause=problem.message,
                cure=problem.cure,
                file=problem.file,
                line=problem.line,
                column=problem.column,
                length=problem.length,
                source=problem.source,
            )
            for problem in error.problems
        )
        cause = f"the configuration has {len(faults)} fault{'s' if len(faults) != 1 else ''}"
    return problem_response(
        Problem(
            title=title,
            status=status,
            detail=str(error),
            place=place_of(request),
            cause=cause,
            cure=cure,
            faults=faults,
        )
    )


async def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = tuple(
        Fault(place=".".join(str(part) for part in fault["loc"]), cause=str(fault["msg"])) for fault in error.errors()
    )
    cause = "; ".join(f"{fault.place}: {fault.cause}" for fault in faults)
    return problem_response(
        Problem(
            title="Request not valid",
            status=422,
            detail=cause,
            place=place_of(request),
            cause=cause,
            cure="Send what /openapi.json describes for this call.",
            faults=faults,
        )
    )


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    cures = {404: "/openapi.json lists the paths.", 405: "/openapi.json lists the methods of each path."}
    return problem_response(
        Problem(
            title=phrase,
            status=error.status_code,
            detail=f"{place_of(request)}: {error.detail}",
            place=place_of(request),
            cause=error.detail,
            cure=cures.get(error.status_code, "Send what /openapi.json describes for this call."),
        ),
        dict(error.headers) if error.headers else None,
    )


async def _bug(request: Request, error: Exception) -> Response:
    """Anything not raised on purpose. The details go to the log, not to the caller."""
    _log.error("%s failed", place_of(request), exc_info=error)
    return problem_response(
        Problem(
            title="Internal error",
            status=500,
            detail=f"{place_of(request)} failed inside the balancer: {type(error).__name__}",
            place=place_of(request),
            cause=f"an error that nobody foresaw: {type(error).__name__}",
            cure="The balancer goes on. Please report this with what it wrote to stderr.",
        )
    )


def install(app: FastAPI) -> None:
    app.add_exception_handler(SteelyardError, _steelyard_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _bug)
