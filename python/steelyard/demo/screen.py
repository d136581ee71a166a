"""What plays, drawn until it ends or somebody presses Ctrl-C: shared by all demonstrations. It knows no story."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live

REFRESH_S = 0.25
LINE_S = 1.0
"""Where there is no terminal, lines are told so often."""


async def played(playing: Coroutine[Any, Any, None], drawing: Coroutine[Any, Any, None]) -> None:
    """Play to the end, or until SIGINT or SIGTERM; what draws is ended after it."""
    loop = asyncio.get_running_loop()
    play, draw = asyncio.create_task(playing), asyncio.create_task(drawing)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, play.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await play
    finally:
        draw.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await draw
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def has_screen(console: Console) -> bool:
    """A pipe, and a terminal that cannot move its cursor (TERM=dumb), get lines."""
    return console.is_terminal and not console.is_dumb_terminal


async def drawn(
    console: Console,
    picture: Callable[[], RenderableType],
    lines: Callable[[], None],
    *,
    quiet: bool,
    refresh: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Draw until cancelled: ``picture`` anew on a terminal, else ``lines`` once a second; ``refresh`` before each. What
    came last is still drawn."""
    if quiet:
        await asyncio.Event().wait()
    elif has_screen(console):
        with Live(picture(), console=console, auto_refresh=False) as live:
            await _again(lambda: live.update(picture(), refresh=True), REFRESH_S, refresh)
    else:
        await _again(lines, LINE_S, refresh)


async def _again(draw: Callable[[], None], pause: float, refresh: Callable[[], Awaitable[None]] | None) -> None:
    try:
        while True:
            await asyncio.sleep(pause)
            if refresh is not None:
                await refresh()
            draw()
    finally:
        draw()
