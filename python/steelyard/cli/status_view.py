"""``status`` as text: one line a service, one table a pool. Pure: shapes and a width in, text out.

A table narrows by dropping its least important columns, and a long pool by showing those servers first that need eyes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from steelyard.status import PoolStatus, ServerStatus, ServiceStatus, Status

Item = TypeVar("Item")
GAP = 2
_SHOWN_MIN = 3
_REASONS = 5
"""So many reasons of refusals are named for each service."""


@dataclass(frozen=True, slots=True)
class Column(Generic[Item]):
    """``rank`` 0 is always shown; the highest goes first when the terminal is narrow."""

    title: str
    rank: int
    cell: Callable[[Item], Text]
    left: bool = False
    max_width: int = 40
    shrinks_to: int = 0
    """Where its text may be cut: to so few characters; 0: the column is shown whole or not at all."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests per second between two looks; empty at the first."""

    services: dict[str, float]
    servers: dict[tuple[str, str], float]


NO_RATES = Rates({}, {})


def rates(before: Status | None, after: Status) -> Rates:
    """Counters that ran backwards (a restarted balancer) give no rate."""
    if before is None or after.uptime_s <= before.uptime_s:
        return NO_RATES
    seconds = after.uptime_s - before.uptime_s
    services = {service.name: service.requests for service in before.services}
    servers = {(pool.name, server.id): server.requests for pool in before.pools for server in pool.servers}
    return Rates(
        {
            service.name: max(0, service.requests - services[service.name]) / seconds
            for service in after.services
            if service.name in services
        },
        {
            (pool.name, server.id): max(0, server.requests - servers[pool.name, server.id]) / seconds
            for pool in after.pools
            for server in pool.servers
            if (pool.name, server.id) in servers
        },
    )


def view(status: Status, speed: Rates = NO_RATES, *, width: int = 80, rows: int = 0) -> RenderableType:
    """The whole picture. ``rows``: how many servers to show in all, shared by the pools; 0: all."""
    parts: list[RenderableType] = [_headline(status), Text()]
    parts.append(_table(_service_columns(speed), status.services, width))
    parts += [_refusals(service) for service in status.services if any(service.rejected.values())]
    shares = fair_shares([len(pool.servers) for pool in status.pools], rows) if rows else [-1] * len(status.pools)
    for pool, share in zip(status.pools, shares, strict=True):
        parts += [Text(), _pool_line(pool)]
        shown = pool.servers if share in (-1, len(pool.servers)) else troubled_first(pool.servers)[:share]
        if shown:
            parts.append(_table(_server_columns(pool.name, speed), shown, width))
        if len(shown) < len(pool.servers):
            parts.append(Text(_rest(pool, shown), style="dim"))
    return Group(*parts)


def fair_shares(wanted: Sequence[int], rows: int) -> list[int]:
    """Split the rows: a short pool leaves what it does not need to the long ones, and every pool shows a few."""
    shares = [0] * len(wanted)
    for place, index in enumerate(sorted(range(len(wanted)), key=lambda index: wanted[index])):
        even = max(_SHOWN_MIN, (rows - sum(shares)) // (len(wanted) - place))
        shares[index] = min(wanted[index], even)
    return shares


def troubled_first(servers: Sequence[ServerStatus]) -> list[ServerStatus]:
    """Down, then in the operator's hands, then unknown, then the busiest."""
    order = {"down": 0, "unknown": 2, "up": 3}
    return sorted(
        servers,
        key=lambda server: (1 if server.admin != "ready" else order[server.health], -server.active, -server.requests),
    )


def _rest(pool: PoolStatus, shown: Sequence[ServerStatus]) -> str:
    ids = {server.id for server in shown}
    rest = [server for server in pool.servers if server.id not in ids]
    up = sum(server.health == "up" for server in rest)
    return f"… {len(rest):,} more, {up:,} of them up (--all shows them)"


def _headline(status: Status) -> Text:
    text = Text(f"steelyard {status.version}", style="bold", no_wrap=True, overflow="ellipsis")
    if status.stopping:
        text.append(" · stopping", style="yellow")
    text.append(f" · up {duration(status.uptime_s)} · snapshot {status.snapshot}", style="not bold dim")
    if status.decided > status.snapshot and not status.stopping:
        text.append(f" of {status.decided}: changes below are not all in force yet", style="not bold yellow")
    if status.log_dropped:
        text.append(f" · {status.log_dropped:,} log lines dropped", style="not bold red")
    text.append(f" · {status.file or 'no file'}", style="not bold dim")
    return text


def _pool_line(pool: PoolStatus) -> Text:
    """What matters most comes first: a narrow terminal cuts the end."""
    eligible = sum(server.eligible for server in pool.servers)
    calm = eligible == len(pool.servers)
    text = Text("pool ", style="dim", no_wrap=True, overflow="ellipsis")
    text.append(pool.name, style="not dim bold")
    text.append(f" · {eligible:,} of {len(pool.servers):,} eligible", style="dim" if calm else "not dim yellow")
    if pool.queued:
        text.append(f" · {pool.queued:,} queued", style="not dim yellow")
    if pool.retries:
        text.append(f" · {pool.retries:,} retries", style="dim")
    text.append(f" · {pool.algorithm}", style="dim")
    return text


def _refusals(service: ServiceStatus) -> Text:
    """Why clients were refused, the most frequent reason first."""
    ordered = sorted(service.rejected.items(), key=lambda reason: (-reason[1], reason[0]))
    counted = [f"{name} {times:,}" for name, times in ordered if times]
    more = [f"{len(counted) - _REASONS} reasons more"] if len(counted) > _REASONS else []
    text = Text(f"{service.name} refused: ", style="red", no_wrap=True, overflow="ellipsis")
    return text.append(", ".join([*counted[:_REASONS], *more]), style="dim")


def _service_columns(speed: Rates) -> list[Column[ServiceStatus]]:
    columns: list[Column[ServiceStatus]] = [
        Column("SERVICE", 0, lambda service: Text(service.name), left=True, max_width=24),
        Column("MODE", 6, lambda service: Text(service.mode), left=True),
        Column("LISTEN", 0, lambda service: Text(service.listen), left=True),
        Column("POOL", 5, lambda service: Text(service.pool), left=True, max_width=24),
        Column("CONNS", 3, lambda service: number(service.connections)),
        Column("REQUESTS", 2, lambda service: number(service.requests)),
        Column("5XX", 2, lambda service: trouble(service.responses.get("5xx", 0))),
        Column("REFUSED", 4, lambda service: trouble(sum(service.rejected.values()))),
        Column("P50", 5, lambda service: latency(service.latency_p50_ms)),
        Column("P99", 3, lambda service: latency(service.latency_p99_ms)),
    ]
    if speed.services:
        columns.insert(5, Column("REQ/S", 1, lambda service: rate(speed.services.get(service.name))))
    return columns


def _server_columns(pool: str, speed: Rates) -> list[Column[ServerStatus]]:
    columns: list[Column[ServerStatus]] = [
        Column("  SERVER", 0, lambda server: Text(f"  {server.id}"), left=True, max_width=30),
        Column("STATE", 0, state, left=True),
        Column("ADDRESS", 6, address, left=True, max_width=30),
        Column("WEIGHT", 5, lambda server: Text(f"{server.effective_weight:g}")),
        Column("ACTIVE", 1, lambda server: number(server.active)),
        Column("REQUESTS", 4, lambda server: number(server.requests)),
        Column("FAILED", 3, lambda server: trouble(sum(server.failures.values()))),
        Column("5XX", 5, lambda server: trouble(server.responses.get("5xx", 0))),
        Column("P50", 7, lambda server: latency(server.latency_p50_ms)),
        Column("P99", 3, lambda server: latency(server.latency_p99_ms)),
        Column("NOTE", 3, note, left=True, max_width=64, shrinks_to=20),
    ]
    if speed.servers:
        columns.insert(5, Column("REQ/S", 2, lambda server: rate(speed.servers.get((pool, server.id)))))
    return columns


def _table(columns: Sequence[Column[Item]], items: Sequence[Item], width: int) -> RenderableType:
    cells = {column.title: [column.cell(item) for item in items] for column in columns}
    kept = [column for column in columns if column.rank == 0 or any(text.plain for text in cells[column.title])]
    widths = _fit(kept, cells, width)
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="dim")
    for column in (column for column in kept if column.title in widths):
        table.add_column(
            column.title,
            justify="left" if column.left else "right",
            no_wrap=True,
            overflow="ellipsis",
            max_width=widths[column.title],
        )
    for row in range(len(items)):
        table.add_row(*(cells[title][row] for title in widths))
    return table


def _fit(columns: Sequence[Column[Item]], cells: Mapping[str, Sequence[Text]], width: int) -> dict[str, int]:
    """The columns that fit, with their widths: first one that may shrink does, then the least important go."""
    widths = {
        column.title: min(column.max_width, max(len(column.title), *(text.cell_len for text in cells[column.title]), 0))
        for column in columns
    }
    for least in sorted(columns, key=lambda column: -column.rank):
        excess = sum(widths.values()) + GAP * (len(widths) - 1) - width
        for column in columns:
            if column.shrinks_to and 0 < excess <= widths.get(column.title, 0) - column.shrinks_to:
                widths[column.title] -= excess
                excess = 0
        if excess <= 0 or least.rank == 0:
            break
        del widths[least.title]
    return widths


def state(server: ServerStatus) -> Text:
    """Health and what the operator wants, never mixed: ``up``, ``down``, ``up, drain``."""
    color = {"up": "green", "down": "red", "unknown": "yellow"}[server.health]
    text = Text(server.health, style=color)
    if server.admin != "ready":
        word = "drained" if server.drained and server.admin == "drain" else server.admin
        text.append(f", {word}", style="cyan")
    elif not server.eligible and server.health == "up":
        text.append(", backup" if server.backup else ", ejected", style="dim" if server.backup else "red")
    return text


def address(server: ServerStatus) -> Text:
    """Empty where the id says it already; a column of nothing is left out."""
    return Text("" if server.address == server.id else server.address)


def note(server: ServerStatus) -> Text:
    words = server.last_probe if server.eligible else server.why
    return Text("".join(letter if letter.isprintable() else " " for letter in words), style="dim")


def number(value: int) -> Text:
    return Text(f"{value:,}")


def trouble(value: int) -> Text:
    return Text(f"{value:,}", style="red" if value else "dim")


def rate(value: float | None) -> Text:
    return Text("–" if value is None else f"{value:,.0f}")


def latency(ms: float | None) -> Text:
    if ms is None:
        return Text("–", style="dim")
    if ms >= 1000:
        return Text(f"{ms / 1000:.3g} s")
    return Text(f"{ms:.3g} ms" if ms < 100 else f"{ms:.0f} ms")


def duration(seconds: float) -> str:
    """Two units at most: ``42 s``, ``3 m 12 s``, ``2 d 4 h``."""
    whole = int(seconds)
    units = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
    parts: list[str] = []
    for unit, size in units:
        amount, whole = divmod(whole, size)
        if amount or parts:
            parts.append(f"{amount} {unit}")
    return " ".join(parts[:2]) or "0 s"
