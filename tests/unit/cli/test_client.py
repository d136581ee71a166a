"""The client's errors, before servers that are no balancer; what goes well is shown by ``test_commands``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import httpx
import pytest

from steelyard.admin.client import AdminClient, CallFailed, Unreachable
from steelyard.status import Event
from tests.unit.cli.conftest import Running


def client_that_gets(answer: Callable[[httpx.Request], httpx.Response], token: str | None = None) -> AdminClient:
    return AdminClient("there:1", token, httpx.MockTransport(answer))


def test_a_stranger_at_the_address() -> None:
    client = client_that_gets(lambda request: httpx.Response(404, text="nginx"))
    with pytest.raises(Unreachable, match=r"there:1 is no Steelyard admin API \(it answered 404\)"):
        client.status()


def test_no_answer_in_time() -> None:
    def slow(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    with pytest.raises(Unreachable, match="did not answer in time"):
        client_that_gets(slow).status()


def test_the_token_is_sent_and_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        body = {"title": "", "status": 401, "detail": "", "place": "", "cause": "", "cure": ""}
        return httpx.Response(401, json=body, headers={"Content-Type": "application/problem+json"})

    monkeypatch.delenv("STEELYARD_TOKEN", raising=False)
    for token, why in ((None, "asks for a token: set STEELYARD_TOKEN"), ("given", "does not take the token of")):
        with pytest.raises(CallFailed, match=why):
            client_that_gets(refuse, token).status()
    monkeypatch.setenv("STEELYARD_TOKEN", "found")
    with pytest.raises(CallFailed):
        client_that_gets(refuse).status()
    assert seen == [None, "Bearer given", "Bearer found"]


def test_a_proxy_of_the_environment_is_not_used(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with AdminClient(running.address) as client:
        assert client.status().version


def test_events_are_followed_to_the_end(running: Running) -> None:
    event = Event(at=1.0, kind="server-down", pool="web", server="a", message="refused")

    def happen() -> None:
        deadline = time.monotonic() + 10
        while len(running.balancer.listeners) < 2 and time.monotonic() < deadline:
            time.sleep(0.001)
        for each in (event, None):
            running.loop.call_soon_threadsafe(running.balancer.tell, each)

    threading.Thread(target=happen).start()
    with AdminClient(running.address) as client:
        assert list(client.events()) == [event]
