"""The admin API before a balancer in memory: every route, every error, and who is turned away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from steelyard.admin.api import create_app
from steelyard.admin.guard import names_loopback
from steelyard.errors import ConfigError, PlaneError, Problem
from tests.unit.admin.fake import FakeBalancer

JSON = {"Content-Type": "application/json"}


def client_of(balancer: FakeBalancer, token: bytes | None = None, **options: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(balancer, token), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9900", **options)


@pytest.fixture
def balancer() -> FakeBalancer:
    return FakeBalancer()


@pytest.fixture
async def api(balancer: FakeBalancer) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(balancer) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", lambda body: body["openapi"] == "/openapi.json"),
        ("/v1/status", lambda body: body["services"][0]["name"] == "www"),
        ("/v1/services", lambda body: body[0]["pool"] == "web"),
        ("/v1/pools", lambda body: [server["id"] for server in body[0]["servers"]] == ["a", "b"]),
        ("/v1/pools/web", lambda body: body["algorithm"] == "round-robin"),
        ("/v1/pools/web/servers/b", lambda body: body["id"] == "b"),
        ("/v1/explain?pool=web&client=192.0.2.7", lambda body: body["server"] == "a"),
        ("/v1/explain?service=www&client=2001:db8::1", lambda body: body["pool"] == "web"),
        ("/v1/config", lambda body: body["admin"]["token"] == {"env": "STEELYARD_SECRET", "file": ""}),
    ],
)
async def test_reading(api: httpx.AsyncClient, path: str, found: Any) -> None:
    answer = await api.get(path)
    assert answer.status_code == 200, answer.text
    assert found(answer.json())


async def test_config_never_shows_a_secret(api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_SECRET", "hunter2")
    assert "hunter2" not in (await api.get("/v1/config")).text


async def test_metrics_and_health(api: httpx.AsyncClient, balancer: FakeBalancer) -> None:
    metrics = await api.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'steelyard_service_requests_total{service="www"} 10' in metrics.text
    assert (await api.get("/healthz")).text == "ok\n"
    assert (await api.get("/readyz")).status_code == 200
    balancer.stopping = True
    assert (await api.get("/readyz")).status_code == 503
    assert (await api.get("/healthz")).status_code == 200


async def test_adding_and_removing(api: httpx.AsyncClient, balancer: FakeBalancer) -> None:
    added = await api.post("/v1/pools/web/servers", json={"address": "unix:/run/app.sock", "weight": 3})
    assert added.status_code == 201
    assert added.json()["id"] == "unix:/run/app.sock"
    where = added.headers["location"]
    assert where == "/v1/pools/web/servers/unix%3A%2Frun%2Fapp.sock"
    assert (await api.get(where)).json()["weight"] == 3
    removed = await api.delete(where, headers=JSON)
    assert (removed.status_code, removed.json()) == (202, {"pool": "web", "server": "unix:/run/app.sock"})
    assert list(balancer.servers) == ["a", "b"]


@pytest.mark.parametrize("state", ["drain", "maintenance", "ready"])
async def test_admin_state(api: httpx.AsyncClient, balancer: FakeBalancer, state: str) -> None:
    answer = await api.put("/v1/pools/web/servers/a/admin-state", json={"admin": state})
    assert answer.json()["admin"] == state
    assert balancer.servers["a"].admin == state
    assert balancer.servers["b"].admin == "ready"


async def test_weight_and_algorithm(api: httpx.AsyncClient, balancer: FakeBalancer) -> None:
    assert (await api.put("/v1/pools/web/servers/a/weight", json={"weight": 7})).json()["weight"] == 7
    assert (await api.put("/v1/pools/web/algorithm", json={"algorithm": "maglev"})).json()["algorithm"] == "maglev"
    assert (balancer.servers["a"].weight, balancer.algorithm) == (7, "maglev")


@pytest.mark.parametrize(
    ("call", "body", "status", "cause"),
    [
        ("GET /v1/pools/wbe", None, 404, "no pool is called 'wbe'; did you mean 'web'?"),
        ("GET /v1/pools/web/servers/z", None, 404, "no server of pool 'web' is called 'z'; there is 'a', 'b'"),
        ("PUT /v1/pools/web/servers/z/weight", {"weight": 2}, 404, "is called 'z'"),
        ("DELETE /v1/pools/web/servers/z", None, 404, "is called 'z'"),
        ("POST /v1/pools/web/servers", {"id": "a", "address": "10.0.0.9:80"}, 409, "has a server 'a' already"),
        ("POST /v1/pools/web/servers", {"address": "10.0.0.9"}, 422, 'body.address: Value error, expected "host'),
        ("POST /v1/pools/web/servers", {"adress": "10.0.0.9:1"}, 422, "body.adress: Extra inputs"),
        ("PUT /v1/pools/web/servers/a/weight", {"weight": 0}, 422, "body.weight"),
        ("PUT /v1/pools/web/servers/a/weight", {"weight": 1001}, 422, "body.weight"),
        ("PUT /v1/pools/web/algorithm", {"algorithm": "fastest"}, 422, "'round-robin'"),
        ("PUT /v1/pools/web/servers/a/admin-state", {"admin": "off"}, 422, "'ready', 'drain' or 'maintenance'"),
        ("GET /v1/explain?pool=web&client=nobody", None, 422, "query.client: Value error, 'nobody' does not appear"),
        ("GET /v1/explain?client=192.0.2.1", None, 409, "name either a pool or a service"),
        ("GET /v1/explain?service=x&client=192.0.2.1", None, 404, "no service is called 'x'; there is 'www'"),
        ("GET /nowhere", None, 404, "Not Found"),
        ("POST /v1/status", None, 405, "Method Not Allowed"),
    ],
)
async def test_errors_name_place_cause_and_cure(
    api: httpx.AsyncClient, call: str, body: Any, status: int, cause: str
) -> None:
    method, _, path = call.partition(" ")
    answer = await api.request(method, path, json=body, headers=JSON)
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert cause in problem["cause"]
    assert problem["place"].startswith(f"{method} {path.partition('?')[0]}")
    assert problem["cure"]
    assert problem["status"] == status


async def test_a_reload_that_fails_lists_every_fault(api: httpx.AsyncClient, balancer: FakeBalancer) -> None:
    balancer.fails_with = ConfigError((Problem("x.toml", 3, "pools.web", "a"), Problem("x.toml", 0, "log", "b")))
    answer = await api.post("/v1/reload", headers=JSON)
    assert answer.status_code == 422
    assert [fault["place"] for fault in answer.json()["faults"]] == ["pools.web", "log"]
    balancer.fails_with = PlaneError("services.www.listen: :80 is taken")
    assert (await api.post("/v1/reload", headers=JSON)).status_code == 409
    balancer.fails_with = None
    assert (await api.post("/v1/reload", headers=JSON)).json() == {"changes": ["pool api added"]}


async def test_an_unforeseen_error_tells_nothing_of_the_inside(api: httpx.AsyncClient, balancer: FakeBalancer) -> None:
    balancer.fails_with = ZeroDivisionError("secret detail")
    answer = await api.post("/v1/reload", headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "secret detail" not in answer.text


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_form_of_somebody_elses_page_changes_nothing(
    api: httpx.AsyncClient, balancer: FakeBalancer, method: str, content_type: str | None
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await api.request(method, "/v1/pools/web/servers/a", headers=headers)
    assert answer.status_code == 415
    assert list(balancer.servers) == ["a", "b"]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:9900", "10.0.0.1", "", "[::2]"]
)
async def test_a_rebound_name_is_refused(api: httpx.AsyncClient, host: str) -> None:
    answer = await api.get("/v1/status", headers={"Host": host})
    assert (answer.status_code, answer.json()["title"]) == (403, "Host not ours")


@pytest.mark.parametrize("host", ["localhost", "LocalHost:1", "127.0.0.1", "127.8.9.1:9900", "[::1]", "[::1]:9900"])
def test_loopback_names(host: str) -> None:
    assert names_loopback(host)


async def test_a_token_is_asked_for_and_compared_whole(balancer: FakeBalancer) -> None:
    async with client_of(balancer, b"s3cret") as api:
        for value in (
            None,
            "",
            "Bearer",
            "Bearer s3cre",
            "Bearer s3crets",
            "Basic s3cret",
            "s3cret",
            "Bearer s3cr\xe9t",
        ):
            headers = {} if value is None else {"Authorization": value.encode("latin-1")}
            answer = await api.get("/v1/status", headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), value
        assert (await api.get("/metrics")).status_code == 401
        assert (await api.get("/openapi.json")).status_code == 401
        for host in ("balancer.example", "127.0.0.1"):
            headers = {"Authorization": "bearer s3cret", "Host": host}
            assert (await api.get("/v1/status", headers=headers)).status_code == 200
        assert (await api.get("/healthz", headers={"Host": "10.0.0.1"})).status_code == 200
