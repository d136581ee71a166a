"""``steelyard status``: services, pools and servers, once or live."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from steelyard.cli.options import ADMIN_DEFAULT, Admin, Json, connect

if TYPE_CHECKING:
    from rich.console import Console

    from steelyard.admin.client import AdminClient
    from steelyard.status import Status

_SHOWN = 50
_LINES_ABOVE = 3
_LINES_PER_POOL = 4
"""Lines of the live view that are not servers: headline, blank, title; and blank, headline, title, rest."""


def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep looking, until Ctrl-C.")] = False,
    every: Annotated[
        float, typer.Option(help="With --watch: seconds between two looks.", metavar="SECONDS", min=0.1)
    ] = 1.0,
    all_servers: Annotated[bool, typer.Option("--all", help="Show every server of a long pool.")] = False,
    admin: Admin = ADMIN_DEFAULT,
    json: Json = False,
) -> None:
    """Show services, pools and servers, once or live."""
    with connect(admin) as client:
        if json:
            _json(client, every if watch else None)
        elif watch:
            with suppress(KeyboardInterrupt):
                _watch(client, every, all_servers)
        else:
            console = _console()
            _print(console, client.status(), None, 0 if all_servers else _SHOWN)


def _json(client: AdminClient, every: float | None) -> None:
    from steelyard.cli.output import print_json

    if every is None:
        print_json(client.status())
        return
    with suppress(KeyboardInterrupt):
        while True:
            print(client.status().model_dump_json(), flush=True)
            time.sleep(every)


def _watch(client: AdminClient, every: float, all_servers: bool) -> None:
    console = _console()
    if not console.is_terminal or console.is_dumb_terminal:
        _watch_plainly(console, client, every, all_servers)
        return
    from rich.live import Live

    from steelyard.cli.status_view import rates, view

    before: Status | None = None
    with Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            now = client.status()
            around = _LINES_ABOVE + len(now.services) + _refusing(now) + _LINES_PER_POOL * len(now.pools)
            rows = 0 if all_servers else max(3, console.height - around)
            live.update(view(now, rates(before, now), width=console.width, rows=rows), refresh=True)
            before = now
            time.sleep(every)


def _refusing(now: Status) -> int:
    """Services that have a line for why they refused."""
    return sum(any(service.rejected.values()) for service in now.services)


def _watch_plainly(console: Console, client: AdminClient, every: float, all_servers: bool) -> None:
    """Without a terminal that can be drawn on there is nothing to redraw: one picture after the other."""
    before: Status | None = None
    while True:
        now = client.status()
        _print(console, now, before, 0 if all_servers else _SHOWN)
        print()
        before = now
        time.sleep(every)


def _print(console: Console, now: Status, before: Status | None, rows: int) -> None:
    from steelyard.cli.status_view import rates, view

    picture = view(now, rates(before, now), width=console.width, rows=rows)
    if console.is_terminal:
        console.print(picture)
        return
    with console.capture() as capture:
        console.print(picture)
    print("\n".join(line.rstrip() for line in capture.get().splitlines()), flush=True)


def _console() -> Console:
    from rich.console import Console

    from steelyard.cli.output import colors

    colored = colors(sys.stdout)
    # A pipe has no width: what reads it gets every column.
    return Console(no_color=not colored, highlight=False, width=None if sys.stdout.isatty() else 160)
