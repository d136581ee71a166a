"""The table of all metrics: one row each, from which the exposition (``metrics``) and docs/metrics.md are made.

Names follow the conventions of Prometheus: base units, ``_total`` for counters, the thing before the quantity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

SERVICE = ("service",)
POOL = ("pool",)
SERVER = ("pool", "server")


@dataclass(frozen=True, slots=True)
class Row:
    """One metric. ``source`` is the word of the report that feeds it, empty where the code has more to do."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    source: str = ""


PROCESS_ROWS = (
    Row("steelyard_build_info", "gauge", ("version",), "Always 1; the label says which version runs."),
    Row("steelyard_snapshot_version", "gauge", (), "The version of the snapshot that the planes read."),
    Row("steelyard_uptime_seconds", "gauge", (), "Time since the balancer started."),
    Row("steelyard_log_lines_total", "counter", (), "Access-log lines written."),
    Row("steelyard_log_dropped_total", "counter", (), "Access-log lines dropped: the target was slower than traffic."),
    Row("steelyard_events_total", "counter", ("kind",), "What happened, by kind: reloaded, server-down and so on."),
)

SERVICE_ROWS = (
    Row("steelyard_service_connections", "gauge", SERVICE, "Client connections open now.", "connections"),
    Row("steelyard_service_accepted_total", "counter", SERVICE, "Client connections accepted.", "accepted"),
    Row("steelyard_service_requests_total", "counter", SERVICE, "Requests (mode tcp: connections).", "requests"),
    Row("steelyard_service_responses_total", "counter", (*SERVICE, "class"), "Responses sent to clients, by class."),
    Row("steelyard_service_rejected_total", "counter", (*SERVICE, "reason"), "Requests and connections refused by us."),
    Row("steelyard_service_upgraded_total", "counter", SERVICE, "Connections upgraded to a tunnel.", "upgraded"),
    Row("steelyard_service_received_bytes_total", "counter", SERVICE, "Bytes received from clients.", "bytes_in"),
    Row("steelyard_service_sent_bytes_total", "counter", SERVICE, "Bytes sent to clients.", "bytes_out"),
    Row("steelyard_service_latency_seconds", "histogram", SERVICE, "From the request's header to the response's end."),
)

POOL_ROWS = (
    Row("steelyard_pool_queued", "gauge", POOL, "Requests that wait for a free server now.", "queued"),
    Row("steelyard_pool_queue_entered_total", "counter", POOL, "Requests that had to wait.", "queued_total"),
    Row("steelyard_pool_queue_timeouts_total", "counter", POOL, "Requests refused after waiting.", "queue_timeouts"),
    Row("steelyard_pool_queue_refused_total", "counter", POOL, "Requests refused: queue full.", "queue_refused"),
    Row("steelyard_pool_retries_total", "counter", POOL, "Tries on another server.", "retries"),
    Row(
        "steelyard_pool_retries_refused_total", "counter", POOL, "Retries the budget did not allow.", "retries_refused"
    ),
)

STATE_ROWS = (
    Row("steelyard_server_up", "gauge", SERVER, "1: up; 0: down or not yet known."),
    Row("steelyard_server_eligible", "gauge", SERVER, "1: a new client may get it now."),
    Row("steelyard_server_admin_state", "gauge", SERVER, "0: ready; 1: drain; 2: maintenance."),
    Row("steelyard_server_weight", "gauge", SERVER, "The weight that counts now, lower during slow start."),
    Row("steelyard_server_health_changes_total", "counter", (*SERVER, "to"), "Changes of health, by what it became."),
)

SERVER_ROWS = (
    Row("steelyard_server_active", "gauge", SERVER, "Requests (mode tcp: connections) running now.", "active"),
    Row("steelyard_server_requests_total", "counter", SERVER, "Requests sent to it.", "requests"),
    Row("steelyard_server_responses_total", "counter", (*SERVER, "class"), "Its responses, by class."),
    Row("steelyard_server_failures_total", "counter", (*SERVER, "reason"), "Tries that failed, by reason."),
    Row("steelyard_server_connects_total", "counter", SERVER, "Connections opened to it.", "connects"),
    Row("steelyard_server_reused_total", "counter", SERVER, "Requests sent on a kept connection.", "reused"),
    Row("steelyard_server_received_bytes_total", "counter", SERVER, "Bytes received from it.", "bytes_in"),
    Row("steelyard_server_sent_bytes_total", "counter", SERVER, "Bytes sent to it.", "bytes_out"),
    Row("steelyard_server_latency_seconds", "histogram", SERVER, "From the request sent to the response's end."),
)

SECTIONS: tuple[tuple[str, tuple[Row, ...]], ...] = (
    ("The process", PROCESS_ROWS),
    ("Services", SERVICE_ROWS),
    ("Pools", POOL_ROWS),
    ("Servers: state", STATE_ROWS),
    ("Servers: traffic", SERVER_ROWS),
)

_INTRODUCTION = """\
# Metrics

`GET /metrics` of the admin API answers in the Prometheus text format. Counters run since the start of the process and
survive reloads. This page is generated from `steelyard.admin.metric_table`; `python -m steelyard.admin.metric_table`
prints it anew.

A server that never had a request has its state, `active` and `requests_total` only, so that a pool of 10,000 servers
stays readable. Labels `class` are `1xx` … `5xx`.
"""


def document() -> str:
    """The text of docs/metrics.md."""
    parts = [_INTRODUCTION]
    for title, rows in SECTIONS:
        lines = [f"| `{row.name}` | {row.kind} | {', '.join(row.labels) or '–'} | {row.help} |" for row in rows]
        parts.append(f"## {title}\n\n| name | kind | labels | meaning |\n|---|---|---|---|\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    print(document(), end="")
