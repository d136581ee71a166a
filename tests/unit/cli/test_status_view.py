"""The picture that ``status`` draws, at several widths: complete when wide, never broken when narrow."""

from __future__ import annotations

import pytest
from rich.console import Console

from steelyard.cli.status_view import NO_RATES, Rates, duration, fair_shares, latency, rates, troubled_first, view
from steelyard.status import PoolStatus, Status
from tests.unit.admin.fake import make_status, server_status, service_status

BUSY = server_status(
    "a", active=3, requests=41_234, responses={"5xx": 2}, failures={"reset": 1}, latency_p99_ms=8.44, last_probe="200"
)
DOWN = server_status("b", health="down", eligible=False, why="down: connection refused")
DRAINED = server_status("c", admin="drain", eligible=False, drained=True, why="draining")
SPARE = server_status("spare", backup=True, eligible=False, why="backup: primaries are up")


def drawn(status: Status, width: int, *, speed: Rates = NO_RATES, rows: int = 0) -> str:
    console = Console(width=width, no_color=True, highlight=False, force_terminal=False)
    with console.capture() as capture:
        console.print(view(status, speed, width=width, rows=rows))
    return capture.get()


def test_wide_shows_everything() -> None:
    text = drawn(make_status((BUSY, DOWN, DRAINED, SPARE)), 160)
    for words in (
        "steelyard 0.1.0 · up 5 s · snapshot 1 · no file",
        "pool web · 1 of 4 eligible · round-robin",
        "up, drained",
        "up, backup",
        "41,234",
        "8.44 ms",
        "down: connection refused",
    ):
        assert words in text


def test_what_is_decided_and_not_yet_in_force_is_said() -> None:
    behind = make_status((BUSY,), snapshot=41, decided=43)
    assert "snapshot 41 of 43: changes below are not all in force yet" in drawn(behind, 120)
    assert "snapshot 43 ·" in drawn(make_status((BUSY,), snapshot=43, decided=43), 120)


@pytest.mark.parametrize("width", [200, 160, 120, 80, 60, 40, 20])
def test_no_line_is_longer_than_the_terminal_and_no_row_breaks(width: int) -> None:
    text = drawn(make_status((BUSY, DOWN, DRAINED, SPARE)), width, speed=Rates({"www": 1.0}, {("web", "a"): 1.0}))
    assert all(len(line) <= width for line in text.splitlines())
    if width >= 60:
        assert len(text.splitlines()) == 11


def test_80_columns_keep_what_matters() -> None:
    text = drawn(make_status((BUSY, DOWN)), 80)
    for title in ("SERVER", "STATE", "ACTIVE", "REQUESTS", "FAILED", "P99"):
        assert title in text


def test_a_note_is_cut_before_it_is_left_out() -> None:
    text = drawn(make_status((BUSY, DOWN)), 110)
    assert "down: connection refused" in text
    assert "down: connection refus…" in drawn(make_status((BUSY, DOWN)), 80)
    assert "NOTE" not in drawn(make_status((BUSY, DOWN)), 40)


def test_an_address_that_is_the_id_is_not_said_twice() -> None:
    named, unnamed = server_status("a"), server_status("10.0.0.1:80")
    assert "ADDRESS" in drawn(make_status((named, unnamed)), 160)
    assert "ADDRESS" not in drawn(make_status((unnamed,)), 160)


def test_a_long_pool_shows_the_troubled_and_counts_the_rest() -> None:
    servers = (*(server_status(f"s{number}", requests=number) for number in range(10_000)), DOWN, DRAINED)
    text = drawn(make_status(servers), 80, rows=20)
    lines = text.splitlines()
    assert len(lines) < 30
    assert text.index(" b ") < text.index(" c ") < text.index(" s9999 ")
    assert lines[-1] == "… 9,982 more, 9,982 of them up (--all shows them)"


def test_the_reasons_of_refusals_are_named_the_most_frequent_first() -> None:
    rejected = {"bad-request": 3, "header-timeout": 1200, "calm": 0}
    many = {f"r{number}": number for number in range(1, 9)}
    services = (service_status(rejected=rejected), service_status(rejected=many), service_status(rejected={"calm": 0}))
    lines = [line for line in drawn(make_status((), services=services), 80).splitlines() if " refused: " in line]
    assert lines == [
        "www refused: header-timeout 1,200, bad-request 3",
        "www refused: r8 8, r7 7, r6 6, r5 5, r4 4, 3 reasons more",
    ]


def test_pools_share_the_rows() -> None:
    servers = tuple(server_status(f"s{number}") for number in range(30))
    pools = tuple(
        PoolStatus(name=f"p{number}", algorithm="random", queued=1, retries=0, servers=servers) for number in range(3)
    )
    text = drawn(make_status((), pools=pools), 80, rows=30)
    assert text.count("20 more, 20 of them up") == 3
    assert text.count("1 queued") == 3


def test_a_short_pool_leaves_its_rows_to_a_long_one() -> None:
    assert fair_shares([6, 1], 7) == [6, 1]
    assert fair_shares([100, 1, 100], 21) == [10, 1, 10]
    assert fair_shares([100, 100], 2) == [3, 3]
    assert fair_shares([], 10) == []


def test_nothing_there_yet() -> None:
    text = drawn(make_status((), pools=(), services=(), stopping=True, log_dropped=5), 80)
    assert "stopping" in text
    assert "5 log lines dropped" in text


def test_rates_are_differences_over_the_balancers_own_time() -> None:
    before = make_status((server_status("a", requests=100),), uptime_s=10.0, services=(service_status(requests=50),))
    after = make_status(
        (server_status("a", requests=300), server_status("new", requests=5)),
        uptime_s=12.0,
        services=(service_status(requests=60),),
    )
    assert rates(before, after) == Rates({"www": 5.0}, {("web", "a"): 100.0})
    assert rates(None, after) == NO_RATES
    assert rates(after, before) == NO_RATES


def test_order_of_trouble() -> None:
    unknown = server_status("u", health="unknown")
    calm = server_status("calm")
    assert [server.id for server in troubled_first([calm, BUSY, unknown, DRAINED, DOWN])] == [
        "b",
        "c",
        "u",
        "a",
        "calm",
    ]


def test_nothing_that_a_server_says_reaches_the_terminal_raw() -> None:
    evil = server_status("x", last_probe="\x1b[2J\x07gone")
    assert "\x1b" not in drawn(make_status((evil,)), 160)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (42, "42 s"), (192, "3 m 12 s"), (7200, "2 h 0 m"), (187_260, "2 d 4 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("ms", "text"), [(None, "–"), (0.05, "0.05 ms"), (8.444, "8.44 ms"), (250.0, "250 ms"), (2500.0, "2.5 s")]
)
def test_latencies(ms: float | None, text: str) -> None:
    assert latency(ms).plain == text
