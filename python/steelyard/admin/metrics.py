"""The exposition of the metrics: what the planes counted and what the state says, in the text format of Prometheus.

``metric_table`` names the metrics; here they get their values. Every scrape reads one report and one status and keeps
nothing, so that a metric cannot differ from what ``status`` shows. What only events tell, ``EventCounter`` counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from steelyard.admin.metric_table import POOL_ROWS, PROCESS_ROWS, SERVER_ROWS, SERVICE_ROWS, STATE_ROWS, Row
from steelyard.report import LATENCY_BUCKETS_US, Report, ServerReport
from steelyard.status import Event, Status

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
_SIGNS_OF_TRAFFIC = ("requests", "connects", "failed_connect", "failed_timeout")
_FAILURES = ("connect", "reset", "timeout", "protocol")
_ADMIN_NUMBERS = {"ready": 0, "drain": 1, "maintenance": 2}
_BUCKETS = [*(str(bound / 1e6) for bound in LATENCY_BUCKETS_US), "+Inf"]
_HEALTH_EVENTS = {"server-up": "up", "server-down": "down", "server-ejected": "ejected"}


class EventCounter:
    """Counts what happened; it lives as long as the admin API, which feeds it."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.health: Counter[tuple[str, str, str]] = Counter()

    def count(self, event: Event) -> None:
        self.kinds[event.kind] += 1
        if became := _HEALTH_EVENTS.get(event.kind):
            self.health[event.pool, event.server, became] += 1


def render(status: Status, report: Report, events: EventCounter) -> bytes:
    """One scrape. Pure: with many servers it is called in a thread of its own."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Scrape(status, report, events))
    return generate_latest(registry)


class _Scrape(Collector):
    def __init__(self, status: Status, report: Report, events: EventCounter) -> None:
        self.status = status
        self.report = report
        self.events = events

    def collect(self) -> Iterable[Metric]:
        yield from self._process()
        yield from _families(SERVICE_ROWS, (((name,), part) for name, part in self.report["services"].items()))
        yield from _families(POOL_ROWS, (((name,), part) for name, part in self.report["pools"].items()))
        yield from self._states()
        yield from _families(SERVER_ROWS, self._servers())

    def _process(self) -> Iterator[Metric]:
        status, report = self.status, self.report
        values: dict[str, Mapping[tuple[str, ...], float]] = {
            "steelyard_build_info": {(status.version,): 1},
            "steelyard_snapshot_version": {(): status.snapshot},
            "steelyard_uptime_seconds": {(): status.uptime_s},
            "steelyard_log_lines_total": {(): report["log_written"]},
            "steelyard_log_dropped_total": {(): report["log_dropped"]},
            "steelyard_events_total": {(kind,): number for kind, number in self.events.kinds.items()},
        }
        for row in PROCESS_ROWS:
            yield _filled(row, values[row.name])

    def _states(self) -> Iterator[Metric]:
        servers = [((pool.name, server.id), server) for pool in self.status.pools for server in pool.servers]
        known = {labels for labels, _ in servers}
        values: dict[str, Mapping[tuple[str, ...], float]] = {
            "steelyard_server_up": {labels: server.health == "up" for labels, server in servers},
            "steelyard_server_eligible": {labels: server.eligible for labels, server in servers},
            "steelyard_server_admin_state": {labels: _ADMIN_NUMBERS[server.admin] for labels, server in servers},
            "steelyard_server_weight": {labels: server.effective_weight for labels, server in servers},
            "steelyard_server_health_changes_total": {
                labels: number for labels, number in self.events.health.items() if labels[:2] in known
            },
        }
        for row in STATE_ROWS:
            yield _filled(row, values[row.name])

    def _servers(self) -> Iterator[tuple[tuple[str, ...], ServerReport]]:
        for pool, part in self.report["pools"].items():
            for server, counters in part["servers"].items():
                yield (pool, server), counters


def _filled(row: Row, values: Mapping[tuple[str, ...], float]) -> Metric:
    family = _counter(row) if row.kind == "counter" else _gauge(row)
    for labels, value in values.items():
        family.add_metric(labels, float(value))
    return family


def _families(rows: tuple[Row, ...], parts: Iterable[tuple[tuple[str, ...], Mapping[str, Any]]]) -> Iterator[Metric]:
    """Walk the parts of the report once and fill every family of the table."""
    families = [(row, _family(row)) for row in rows]
    for labels, part in parts:
        silent = rows is SERVER_ROWS and not any(part[word] for word in _SIGNS_OF_TRAFFIC)
        for row, family in families:
            if not silent or row.source in ("active", "requests"):
                _add(row, family, labels, part)
    for _, family in families:
        yield family


def _add(row: Row, family: Any, labels: tuple[str, ...], part: Mapping[str, Any]) -> None:
    if row.source:
        family.add_metric(labels, part[row.source])
    elif row.kind == "histogram":
        counts = part["latency"] or [0] * len(_BUCKETS)
        buckets = list(zip(_BUCKETS, accumulate(counts), strict=True))
        family.add_metric(labels, buckets, part["latency_sum_us"] / 1e6)
    elif "class" in row.labels:
        for name, number in zip(_CLASSES, part["responses"], strict=True):
            family.add_metric((*labels, name), number)
    elif row.name == "steelyard_server_failures_total":
        for reason in _FAILURES:
            family.add_metric((*labels, reason), part[f"failed_{reason}"])
    else:
        for reason, number in part["rejected"].items():
            family.add_metric((*labels, reason), number)


def _family(row: Row) -> Metric:
    if row.kind == "histogram":
        return HistogramMetricFamily(row.name, row.help, labels=row.labels)
    return _counter(row) if row.kind == "counter" else _gauge(row)


def _counter(row: Row) -> CounterMetricFamily:
    return CounterMetricFamily(row.name.removesuffix("_total"), row.help, labels=row.labels)


def _gauge(row: Row) -> GaugeMetricFamily:
    return GaugeMetricFamily(row.name, row.help, labels=row.labels)
