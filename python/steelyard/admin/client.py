"""The client of the admin API that the commands use: one method a verb, errors as sentences with their cure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from steelyard.admin.shapes import Fault, Reloaded, WeightedServer
from steelyard.admin.shapes import Problem as ProblemBody
from steelyard.config.model import Server
from steelyard.errors import ConfigError, Problem, SteelyardError
from steelyard.status import AdminState, Event, Explanation, PoolStatus, ServerStatus, Status

DEFAULT_ADDRESS = "127.0.0.1:9900"


class Unreachable(SteelyardError):
    """Nobody answers, or somebody who is no balancer."""

    title = "No balancer"


class CallFailed(SteelyardError):
    """The balancer answered that it cannot do this; ``status`` is that of the HTTP response, ``title`` its kind."""

    def __init__(self, message: str, status: int, title: str) -> None:
        super().__init__(message)
        self.status = status
        self.title = title


class AdminClient:
    """``with AdminClient("127.0.0.1:9900") as client: client.status()``. The token comes from ``STEELYARD_TOKEN``."""

    def __init__(
        self, address: str = DEFAULT_ADDRESS, token: str | None = None, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.address = address
        token = token if token is not None else os.environ.get("STEELYARD_TOKEN", "")
        self._has_token = bool(token)
        self._http = httpx.Client(
            base_url=address if "://" in address else f"http://{address}",
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=httpx.Timeout(30.0, connect=3.0),
            transport=transport,
            trust_env=False,  # a proxy of the environment must not see calls to loopback
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def status(self) -> Status:
        return Status.model_validate_json(self._call("GET", "/v1/status"))

    def pool(self, pool: str) -> PoolStatus:
        return PoolStatus.model_validate_json(self._call("GET", f"/v1/pools/{_part(pool)}"))

    def server(self, pool: str, server: str) -> ServerStatus:
        return ServerStatus.model_validate_json(self._call("GET", _server_path(pool, server)))

    def add(self, pool: str, server: Server) -> ServerStatus:
        body = server.model_dump(exclude_defaults=True)
        return ServerStatus.model_validate_json(self._call("POST", f"/v1/pools/{_part(pool)}/servers", body))

    def remove(self, pool: str, server: str) -> None:
        self._call("DELETE", _server_path(pool, server))

    def set_admin_state(self, pool: str, server: str, admin: AdminState) -> ServerStatus:
        path = f"{_server_path(pool, server)}/admin-state"
        return ServerStatus.model_validate_json(self._call("PUT", path, {"admin": admin}))

    def set_weight(self, pool: str, server: str, weight: int) -> WeightedServer:
        path = f"{_server_path(pool, server)}/weight"
        return WeightedServer.model_validate_json(self._call("PUT", path, {"weight": weight}))

    def set_algorithm(self, pool: str, algorithm: str) -> PoolStatus:
        path = f"/v1/pools/{_part(pool)}/algorithm"
        return PoolStatus.model_validate_json(self._call("PUT", path, {"algorithm": algorithm}))

    def reload(self) -> tuple[str, ...]:
        """What changed, one sentence each."""
        answer = self._call("POST", "/v1/reload")
        return Reloaded.model_validate_json(answer).changes

    def explain(self, client: str, cookie: str = "", *, pool: str = "", service: str = "") -> Explanation:
        asked = {"client": client, "pool": pool, "service": service, "cookie": cookie}
        query = str(httpx.QueryParams({name: value for name, value in asked.items() if value}))
        return Explanation.model_validate_json(self._call("GET", f"/v1/explain?{query}"))

    def events(self) -> Iterator[Event]:
        """What happens from now on, until the balancer ends."""
        timeout = httpx.Timeout(60.0, connect=3.0)  # a comment comes every 15 s
        try:
            with self._http.stream("GET", "/v1/events", timeout=timeout) as answer:
                if answer.is_error:
                    answer.read()
                    self._raise(answer)
                for line in answer.iter_lines():
                    if line.startswith("data: "):
                        yield Event.model_validate_json(line.removeprefix("data: "))
        except httpx.RemoteProtocolError:
            return  # it ended without a goodbye, as a killed process does
        except httpx.TransportError as error:
            raise self._unreachable(error) from None

    def _call(self, method: str, path: str, body: Any = None) -> bytes:
        try:
            answer = self._http.request(
                method,
                path,
                json={} if body is None and method == "POST" else body,
                headers={"Content-Type": "application/json"},
            )
        except httpx.TransportError as error:
            raise self._unreachable(error) from None
        except httpx.InvalidURL as error:
            raise Unreachable(f"{self.address!r} is no address: {error}; name HOST:PORT with --admin") from None
        if answer.is_error:
            self._raise(answer)
        return answer.content

    def _unreachable(self, error: httpx.TransportError) -> Unreachable:
        if isinstance(error, httpx.ConnectError):
            return Unreachable(
                f"no balancer answers at {self.address}: start one with `steelyard run FILE`, "
                "or name it with --admin or STEELYARD_ADMIN"
            )
        if isinstance(error, httpx.TimeoutException):
            return Unreachable(f"the balancer at {self.address} did not answer in time: is its machine overloaded?")
        return Unreachable(f"what listens at {self.address} does not answer as a balancer does: {error}")

    def _raise(self, answer: httpx.Response) -> None:
        if answer.headers.get("content-type") != "application/problem+json":
            raise Unreachable(
                f"what listens at {self.address} is no Steelyard admin API (it answered {answer.status_code}): "
                "name the right address with --admin or STEELYARD_ADMIN"
            )
        problem = ProblemBody.model_validate_json(answer.content)
        if answer.status_code == 401:
            why = (
                "does not take the token of STEELYARD_TOKEN: set it to that of admin.token"
                if self._has_token
                else "asks for a token: set STEELYARD_TOKEN to it"
            )
            raise CallFailed(f"the balancer at {self.address} {why}", 401, problem.title)
        if problem.title == "Configuration not usable":
            raise ConfigError(tuple(_problem(fault) for fault in problem.faults))
        raise CallFailed(problem.detail, answer.status_code, problem.title)


def _part(name: str) -> str:
    return quote(name, safe="")


def _server_path(pool: str, server: str) -> str:
    return f"/v1/pools/{_part(pool)}/servers/{_part(server)}"


def _problem(fault: Fault) -> Problem:
    """The inverse of how ``problems`` writes one."""
    return Problem(
        fault.file, fault.line, fault.place, fault.cause, fault.cure, "error", fault.column, fault.length, fault.source
    )
