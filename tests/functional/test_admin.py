"""The admin API of a real balancer: its metrics count real requests, its token is asked for."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.functional.command import Origin, Running, command, origins, wait_for, write_config


@pytest.fixture
def servers() -> Iterator[dict[str, Origin]]:
    with origins("a", "b") as made:
        yield {origin.name: origin for origin in made}


@pytest.fixture
def running(tmp_path: Path, servers: dict[str, Origin]) -> Iterator[Running]:
    with Running("run", str(write_config(tmp_path / "steelyard.toml", servers))) as process:
        yield process


def metrics(running: Running) -> dict[str, float]:
    """The samples by name and label values: ``steelyard_server_up web a``."""
    text = httpx.get(f"http://{running.admin}/metrics", trust_env=False).text
    return {
        " ".join([sample.name, *(value for _, value in sorted(sample.labels.items()))]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_count_what_really_happened(running: Running) -> None:
    for _ in range(20):
        running.get()
    running("drain", "web/b")
    values = wait_for(
        "all is counted",
        lambda: (values := metrics(running))["steelyard_service_responses_total 2xx www"] == 20 and values,
    )
    assert values["steelyard_service_requests_total www"] == 20
    assert values["steelyard_server_requests_total web a"] == values["steelyard_server_requests_total web b"] == 10
    assert values["steelyard_service_latency_seconds_count www"] == 20
    assert values["steelyard_service_latency_seconds_bucket +Inf www"] == 20
    assert (values["steelyard_server_up web a"], values["steelyard_server_admin_state web b"]) == (1, 1)
    assert (values["steelyard_server_eligible web a"], values["steelyard_server_eligible web b"]) == (1, 0)
    assert values["steelyard_events_total admin-changed"] == 1


def test_active_is_what_runs_now(running: Running, servers: dict[str, Origin]) -> None:
    asking = threading.Thread(target=lambda: running.get("/held"))
    asking.start()
    held = wait_for("a request runs", lambda: next((o for o in servers.values() if o.holding.is_set()), None))
    assert metrics(running)[f"steelyard_server_active web {held.name}"] == 1
    held.release()
    asking.join()
    wait_for("it has ended", lambda: metrics(running)[f"steelyard_server_active web {held.name}"] == 0)


def test_health_is_followed(running: Running, servers: dict[str, Origin]) -> None:
    servers["b"].close()
    wait_for("b is down", lambda: metrics(running)["steelyard_server_up web b"] == 0)
    assert metrics(running)["steelyard_server_health_changes_total web b down"] >= 1
    assert running.names(10) == {"a"}


def test_the_host_of_somebody_else_is_refused(running: Running) -> None:
    for host, status in (("rebound.example", 403), (running.admin, 200)):
        answer = httpx.get(f"http://{running.admin}/v1/status", headers={"Host": host}, trust_env=False)
        assert answer.status_code == status


def test_a_token_of_the_environment(
    tmp_path: Path, servers: dict[str, Origin], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_config(tmp_path / "steelyard.toml", servers)
    file.write_text(file.read_text().replace("[services", 'token = { env = "ADMIN_SECRET" }\n[services'))
    refused = command("run", str(file))
    assert refused.returncode == 2
    assert "ADMIN_SECRET" in refused.stderr
    monkeypatch.setitem(os.environ, "ADMIN_SECRET", "s3cret")
    with Running("run", str(file)) as running:
        stranger = running("status")
        assert stranger.returncode == 1
        assert "set STEELYARD_TOKEN" in stranger.stderr
        known = command("status", STEELYARD_ADMIN=running.admin, STEELYARD_TOKEN="s3cret")
        assert known.returncode == 0, known.stderr
        config = command("status", "--json", STEELYARD_ADMIN=running.admin, STEELYARD_TOKEN="wrong")
        assert config.returncode == 1
        assert httpx.get(f"http://{running.admin}/healthz", trust_env=False).status_code == 200


def test_an_open_address_without_a_token_is_refused(tmp_path: Path, servers: dict[str, Origin]) -> None:
    answer = command("run", str(write_config(tmp_path / "steelyard.toml", servers)), "--admin", "0.0.0.0:0")
    assert answer.returncode == 1
    assert "no token is set" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_the_api_on_ipv6(tmp_path: Path, servers: dict[str, Origin]) -> None:
    file = write_config(tmp_path / "steelyard.toml", servers)
    with Running("run", str(file), "--admin", "[::1]:0") as running:
        assert running.admin.startswith("[::1]:")
        assert running("status").returncode == 0
