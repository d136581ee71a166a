"""The exposition of the metrics: what the planes counted and what the state says, in the text format of Prometheus.

``metric_table`` names the metrics; here they get their values. The text is written directly, family by family, from one
report, and comes in pieces: with 10,000 servers it is hundreds of thousands of lines, which nobody has to hold, and
between two pieces the event loop does what else there is to do. A test reads it back with the parser of
prometheus_client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

import steelyard
from steelyard.admin.metric_table import POOL_ROWS, PROCESS_ROWS, SERVER_ROWS, SERVICE_ROWS, STATE_ROWS, Row
from steelyard.measures import Measures, Standing
from steelyard.report import LATENCY_BUCKETS_US

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
LINES: Final = 2000
"""A piece has about so many lines: some 2 ms of work."""

_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
_FAILURES = ("connect", "reset", "timeout", "protocol")
_ADMIN_NUMBERS = {"ready": 0, "drain": 1, "maintenance": 2}
_BUCKETS = (*(str(bound / 1e6) for bound in LATENCY_BUCKETS_US), "+Inf")
_QUIET_TOO = ("active", "requests")
"""What is told even of a server that never had traffic."""
_NO_TRAFFIC = [0] * len(_BUCKETS)

Part = tuple[str, Mapping[str, Any]]
"""Labels as text, ``pool="web",server="a"``, and a part of the report."""
Write = Callable[[Part], str]


def render(measures: Measures) -> Iterator[str]:
    """One scrape, in pieces."""
    report = measures.report
    yield "".join(_process(measures))
    yield from _families(SERVICE_ROWS, [(label(service=name), part) for name, part in report["services"].items()])
    yield from _families(POOL_ROWS, [(label(pool=name), part) for name, part in report["pools"].items()])
    labels: dict[tuple[str, str], str] = {}
    for server in measures.servers:
        labels[server.pool, server.server] = label(pool=server.pool, server=server.server)
        if not len(labels) % LINES:
            yield ""
    yield from _states(measures, list(labels.values()))
    parts: list[Part] = []
    busy: list[Part] = []
    for part in _servers(measures, labels):
        parts.append(part)
        counted = part[1]
        if counted["requests"] or counted["connects"] or counted["failed_connect"] or counted["failed_timeout"]:
            busy.append(part)
        if not len(parts) % LINES:
            yield ""
    for row in SERVER_ROWS:
        yield from _pieces(row, _write(row), parts if row.source in _QUIET_TOO else busy)


def label(**labels: str) -> str:
    """Labels as text, their values escaped."""
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _head(row: Row) -> str:
    """In the text format 0.0.4 a counter is called by its whole name, with ``_total``."""
    escaped = row.help.replace("\\", "\\\\").replace("\n", "\\n")
    return f"# HELP {row.name} {escaped}\n# TYPE {row.name} {row.kind}\n"


def _process(measures: Measures) -> Iterator[str]:
    report = measures.report
    values: dict[str, Mapping[str, float]] = {
        "steelyard_build_info": {label(version=steelyard.__version__): 1},
        "steelyard_snapshot_version": {"": report["version"]},
        "steelyard_uptime_seconds": {"": measures.uptime_s},
        "steelyard_log_lines_total": {"": report["log_written"]},
        "steelyard_log_dropped_total": {"": report["log_dropped"]},
        "steelyard_events_total": {label(kind=kind): number for kind, number in measures.events.items()},
    }
    for row in PROCESS_ROWS:
        yield _head(row)
        for labels, value in values[row.name].items():
            yield f"{row.name}{{{labels}}} {value}\n" if labels else f"{row.name} {value}\n"


def _states(measures: Measures, labels: Sequence[str]) -> Iterator[str]:
    values: dict[str, Callable[[Standing], float]] = {
        "steelyard_server_up": lambda server: int(server.up),
        "steelyard_server_eligible": lambda server: int(server.eligible),
        "steelyard_server_admin_state": lambda server: _ADMIN_NUMBERS[server.admin],
        "steelyard_server_weight": lambda server: server.weight,
    }
    for row in STATE_ROWS:
        yield _head(row)
        value = values.get(row.name)
        for start in range(0, len(labels), LINES):
            some = zip(labels[start : start + LINES], measures.servers[start : start + LINES], strict=True)
            if value is not None:
                yield "".join([f"{row.name}{{{each}}} {value(server)}\n" for each, server in some])
            else:
                yield "".join(_changes(row, some, measures))


def _changes(row: Row, servers: Iterable[tuple[str, Standing]], measures: Measures) -> Iterator[str]:
    for labels, server in servers:
        for became, number in measures.health_changes.get((server.pool, server.server), {}).items():
            yield f'{row.name}{{{labels},to="{became}"}} {number}\n'


def _servers(measures: Measures, labels: Mapping[tuple[str, str], str]) -> Iterator[Part]:
    """What the planes counted, with the labels that are there; of a server that just went they are made again."""
    for pool, part in measures.report["pools"].items():
        for server, counted in part["servers"].items():
            yield labels.get((pool, server)) or label(pool=pool, server=server), counted


def _families(rows: Sequence[Row], parts: Sequence[Part]) -> Iterator[str]:
    for row in rows:
        yield from _pieces(row, _write(row), parts)


def _pieces(row: Row, write: Write, parts: Iterable[Part]) -> Iterator[str]:
    """One family."""
    several = len(_BUCKETS) + 2 if row.kind == "histogram" else len(_CLASSES) if not row.source else 1
    piece, most = [_head(row)], LINES // several
    for part in parts:
        piece.append(write(part))
        if len(piece) >= most:
            yield "".join(piece)
            piece = []
    yield "".join(piece)


def _write(row: Row) -> Write:
    """What writes the lines of one row for one part."""
    if row.kind == "histogram":
        return _histogram(row)
    if row.source:
        name, source = row.name, row.source
        return lambda part: f"{name}{{{part[0]}}} {part[1][source]}\n"
    if "class" in row.labels:
        return _by(row, "class", lambda counted: zip(_CLASSES, counted["responses"], strict=True))
    if row.name == "steelyard_server_failures_total":
        return _by(row, "reason", lambda counted: ((kind, counted[f"failed_{kind}"]) for kind in _FAILURES))
    return _by(row, "reason", lambda counted: counted["rejected"].items())


def _by(row: Row, word: str, values: Callable[[Mapping[str, Any]], Iterable[tuple[str, int]]]) -> Write:
    def write(part: Part) -> str:
        labels, counted = part
        start = f'{row.name}{{{labels},{word}="'
        return "".join([f'{start}{value}"}} {number}\n' for value, number in values(counted)])

    return write


def _histogram(row: Row) -> Write:
    """One template for all lines of a server: its labels, which may hold a ``%``, are put in after the numbers."""
    lines = [f'{row.name}_bucket{{\0,le="{bound}"}} %d\n' for bound in _BUCKETS]
    template = "".join([*lines, f"{row.name}_sum{{\0}} %s\n", f"{row.name}_count{{\0}} %d\n"])

    def write(part: Part) -> str:
        labels, counted = part
        counts = tuple(accumulate(counted["latency"] or _NO_TRAFFIC))
        return (template % (*counts, counted["latency_sum_us"] / 1e6, counts[-1])).replace("\0", labels)

    return write
