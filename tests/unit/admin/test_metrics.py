"""The exposition: parsed back by prometheus_client's own parser, and held to the conventions and to docs/metrics.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from steelyard.admin import metric_table
from steelyard.admin.metrics import EventCounter, render
from steelyard.report import Report
from steelyard.status import Event
from tests.unit.admin.fake import BUCKETS, FakeBalancer, make_status, server_report, server_status, service_report

ROOT = Path(__file__).parents[3]
ROWS = [row for _, rows in metric_table.SECTIONS for row in rows]


def report(**servers: int) -> Report:
    return {
        "version": 3,
        "log_written": 7,
        "log_dropped": 2,
        "services": {"www": service_report(5, rejected={"bad-request": 4}, latency=[1, 2, *[0] * (BUCKETS - 3), 1])},
        "pools": {
            "web": {
                "queued": 1,
                "queued_total": 2,
                "queue_timeouts": 3,
                "queue_refused": 4,
                "retries": 5,
                "retries_refused": 6,
                "servers": {name: server_report(requests) for name, requests in servers.items()},
            }
        },
    }


def scrape(counter: EventCounter | None = None, **servers: int) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    status = make_status(tuple(server_status(name) for name in servers), snapshot=3)
    text = render(status, report(**servers), counter or EventCounter()).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_number_of_the_report_arrives_under_its_name() -> None:
    values = scrape(a=9)
    www, web = (("service", "www"),), (("pool", "web"),)
    server = (("pool", "web"), ("server", "a"))
    assert values["steelyard_build_info", (("version", "0.1.0"),)] == 1
    assert values["steelyard_snapshot_version", ()] == 3
    assert values["steelyard_log_lines_total", ()] == 7
    assert values["steelyard_log_dropped_total", ()] == 2
    assert values["steelyard_service_requests_total", www] == 5
    assert values["steelyard_service_responses_total", (("class", "2xx"), *www)] == 5
    assert values["steelyard_service_rejected_total", (("reason", "bad-request"), *www)] == 4
    assert [values[f"steelyard_pool_{name}", web] for name in ("queued", "queue_entered_total")] == [1, 2]
    assert values["steelyard_pool_retries_total", web] == 5
    assert values["steelyard_server_up", server] == 1
    assert values["steelyard_server_requests_total", server] == 9
    assert values["steelyard_server_failures_total", (*web, ("reason", "reset"), ("server", "a"))] == 0
    assert values["steelyard_server_latency_seconds_sum", server] == pytest.approx(9 * 40e-6)


def test_buckets_are_cumulative_and_in_seconds() -> None:
    values = scrape()
    buckets = {
        dict(labels)["le"]: value for (name, labels), value in values.items() if name.endswith("latency_seconds_bucket")
    }
    assert (buckets["5e-05"], buckets["0.0001"], buckets["10.0"], buckets["+Inf"]) == (1, 3, 3, 4)
    assert values["steelyard_service_latency_seconds_count", (("service", "www"),)] == 4


def test_a_server_without_traffic_has_no_histogram() -> None:
    names = {name for name, labels in scrape(a=1, quiet=0) if ("server", "quiet") in labels}
    assert "steelyard_server_active" in names
    assert not any("latency" in name or "responses" in name for name in names)


def test_ten_thousand_servers_stay_readable() -> None:
    status = make_status(tuple(server_status(f"s{number}") for number in range(10_000)))
    text = render(status, report(**{f"s{number}": number < 100 for number in range(10_000)}), EventCounter())
    assert text.count(b"\n") < 80_000


def test_events_are_counted_and_those_of_removed_servers_forgotten() -> None:
    counter = EventCounter()
    for server in ("a", "a", "gone"):
        counter.count(Event(at=0.0, kind="server-down", pool="web", server=server))
    values = scrape(counter, a=0)
    changes = "steelyard_server_health_changes_total"
    assert values[changes, (("pool", "web"), ("server", "a"), ("to", "down"))] == 2
    assert not any(name == changes and ("server", "gone") in labels for name, labels in values)
    assert values["steelyard_events_total", (("kind", "server-down"),)] == 3


def test_strange_names_are_escaped() -> None:
    values = scrape(**{'we"ird\\\n': 1})
    assert values["steelyard_server_active", (("pool", "web"), ("server", 'we"ird\\\n'))] == 0


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_names_follow_the_conventions(row: metric_table.Row) -> None:
    assert re.fullmatch(r"steelyard_[a-z_]+", row.name)
    assert row.name.endswith("_total") == (row.kind == "counter")
    assert row.help.endswith(".")
    assert not any(word in row.name for word in ("milliseconds", "_ms", "_us", "kilobytes"))


async def test_every_row_of_the_table_is_exposed() -> None:
    balancer = FakeBalancer()
    text = render(await balancer.status(), await balancer.report(), EventCounter()).decode()
    assert {line.split()[2].removesuffix("_total") for line in text.splitlines() if line.startswith("# TYPE")} == {
        row.name.removesuffix("_total") for row in ROWS
    }


def test_the_page_is_up_to_date() -> None:
    page = (ROOT / "docs/metrics.md").read_text()
    assert page == metric_table.document(), "run: python -m steelyard.admin.metric_table > docs/metrics.md"
