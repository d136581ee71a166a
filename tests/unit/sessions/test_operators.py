"""``python -m steelyard.sessions``: what an operator asks of a store."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from steelyard.sessions.__main__ import main
from steelyard.sessions.conformance import fresh_key
from steelyard.sessions.plan import carry_out
from steelyard.sessions.record import Stored
from steelyard.sessions.stores import open_store


@pytest.fixture
def url(tmp_path: Path) -> str:
    url, now = f"sqlite:///{tmp_path}/sessions.db", time.time()
    store = open_store(url)
    connector = store.connector()
    for principal in ("ann", "ann", "bob", ""):
        carry_out(store.create(fresh_key(), Stored(1, now + 60, principal, b"x"), now), connector)
    for _ in range(3):
        carry_out(store.create(fresh_key(), Stored(1, now - 60, "ann", b"x"), now - 120), connector)
    connector.close()
    return url


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def test_counting_listing_ending_purging(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, url, "count") == "4\n"
    lines = said(capsys, url, "list", "ann").splitlines()
    assert len(lines) == 2
    assert all("version 1" in line and "UTC" in line for line in lines)
    assert said(capsys, url, "end", "ann") == "2\n"
    assert said(capsys, url, "list", "ann") == ""
    assert said(capsys, url, "count") == "2\n"
    assert said(capsys, url, "purge") == "3\n"
    assert said(capsys, url, "purge") == "0\n"


@pytest.mark.parametrize(
    ("url", "cause"),
    [("reddis://h", "did you mean redis"), ("memory://", "in the applications' processes"), ("sqlite:///", "expected")],
)
def test_what_cannot_be_asked_says_why(url: str, cause: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([url, "count"]) == 2
    assert cause in capsys.readouterr().err


def test_a_url_comes_from_the_environment(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SESSIONS_URL", url)
    assert said(capsys, "env:SESSIONS_URL", "count") == "4\n"
    monkeypatch.delenv("SESSIONS_URL")
    assert main(["env:SESSIONS_URL", "count"]) == 2
    assert "the variable SESSIONS_URL is not set; export it" in capsys.readouterr().err
