"""The exposition: parsed back by prometheus_client's own parser, and held to the conventions and to docs/metrics.md."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from steelyard.admin import metric_table
from steelyard.admin.metrics import LINES, render
from steelyard.control.happened import Happened
from steelyard.measures import Measures, Standing
from steelyard.report import Report
from steelyard.status import Event
from tests.unit.admin.fake import BUCKETS, FakeBalancer, server_report, service_report

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


Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def measures(happened: Happened | None = None, **servers: int) -> Measures:
    counted = happened or Happened()
    return Measures(
        uptime_s=5.0,
        report=report(**servers),
        servers=[Standing("web", name, True, True, "ready", 1.0) for name in servers],
        events=counted.kinds,
        health_changes=counted.health,
    )


def scrape(happened: Happened | None = None, **servers: int) -> Samples:
    return parsed("".join(render(measures(happened, **servers))))


def parsed(text: str) -> Samples:
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
    text = "".join(render(measures(**{f"s{number}": number < 100 for number in range(10_000)})))
    assert text.count("\n") < 80_000


def test_a_long_scrape_comes_in_pieces_and_every_family_stands_together() -> None:
    pieces = list(render(measures(**{f"s{number}": 1 for number in range(3000)})))
    assert max(piece.count("\n") for piece in pieces) <= 2 * LINES
    families = [line.split()[2] for line in "".join(pieces).splitlines() if line.startswith("# TYPE")]
    assert len(families) == len(set(families))
    values = parsed("".join(pieces))
    for name in ("s0", "s1999", "s2000", "s2999"):
        labels = (("pool", "web"), ("server", name))
        assert values["steelyard_server_up", labels] == 1
        assert values["steelyard_server_latency_seconds_count", labels] == 1


def test_the_text_is_what_prometheus_own_writer_would_write() -> None:
    """Family by family, read by the same parser: kinds, helps and samples."""
    text = "".join(render(measures(**{'we"ird\\\n%d': 7, "quiet": 0})))
    registry = CollectorRegistry(auto_describe=False)
    families = {family.name: family for family in text_string_to_metric_families(text)}

    class Again(Collector):
        def collect(self) -> Iterable[Metric]:
            return families.values()

    registry.register(Again())
    again = {family.name: family for family in text_string_to_metric_families(generate_latest(registry).decode())}
    assert {name: (family.type, family.documentation) for name, family in families.items()} == {
        name: (family.type, family.documentation) for name, family in again.items()
    }
    assert {name: family.samples for name, family in families.items()} == {
        name: family.samples for name, family in again.items()
    }


def test_a_server_that_the_planes_still_count_is_told_without_a_state() -> None:
    gone = replace(measures(a=1, gone=3), servers=[Standing("web", "a", True, True, "ready", 1.0)])
    values = parsed("".join(render(gone)))
    labels = (("pool", "web"), ("server", "gone"))
    assert values["steelyard_server_requests_total", labels] == 3
    assert ("steelyard_server_up", labels) not in values


def test_events_are_counted_and_those_of_removed_servers_forgotten() -> None:
    happened = Happened()
    for kind, server in (("down", "a"), ("down", "a"), ("up", "a"), ("down", "gone"), ("removed", "gone")):
        happened.count(Event(at=0.0, kind=f"server-{kind}", pool="web", server=server))
    values = scrape(happened, a=0)
    changes = "steelyard_server_health_changes_total"
    assert values[changes, (("pool", "web"), ("server", "a"), ("to", "down"))] == 2
    assert values[changes, (("pool", "web"), ("server", "a"), ("to", "up"))] == 1
    assert values["steelyard_events_total", (("kind", "server-down"),)] == 3
    assert set(happened.health) == {("web", "a")}


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
    text = "".join(render(await balancer.measures()))
    assert {line.split()[2].removesuffix("_total") for line in text.splitlines() if line.startswith("# TYPE")} == {
        row.name.removesuffix("_total") for row in ROWS
    }


def test_the_page_is_up_to_date() -> None:
    page = (ROOT / "docs/metrics.md").read_text()
    assert page == metric_table.document(), "run: python -m steelyard.admin.metric_table > docs/metrics.md"
