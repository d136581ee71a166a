"""The ways on the screen: one is played after another, and drawn until the end or until somebody presses Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Collection

from rich.console import Console
from rich.live import Live

from steelyard.demo.sessions import story, view
from steelyard.demo.sessions.story import Act, Result, Scene
from steelyard.demo.sessions.ways import WAYS

REFRESH_S = 0.25


async def show(
    console: Console, seconds: float, users: int, wanted: Collection[str], *, quiet: bool
) -> tuple[list[Result], dict[str, str]]:
    """The results of the wanted ways that were played to their end, and why others could not be."""
    ways = [way for way in WAYS if way.name in wanted]
    missing = {way.name: why for way in ways if (why := way.missing())}
    scene = Scene(users, seconds, [Act(way) for way in ways if way.name not in missing])
    playing = asyncio.create_task(_play(scene))
    showing = asyncio.create_task(_show(console, scene, quiet=quiet))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, playing.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await playing
    finally:
        showing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await showing
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    return [act.result for act in scene.acts if act.result is not None], missing


async def _play(scene: Scene) -> None:
    for act in scene.acts:
        await story.perform(act, scene)


async def _show(console: Console, scene: Scene, *, quiet: bool) -> None:
    """Draw until cancelled."""
    if quiet:
        await asyncio.Event().wait()
    elif console.is_terminal:
        with Live(view.panel(scene), console=console, auto_refresh=False) as live:
            try:
                while True:
                    await asyncio.sleep(REFRESH_S)
                    live.update(view.panel(scene), refresh=True)
            finally:
                live.update(view.panel(scene), refresh=True)
    else:
        await _plain(console, scene)


async def _plain(console: Console, scene: Scene) -> None:
    """A line a second, and the news as they come."""
    told = 0
    try:
        while True:
            await asyncio.sleep(1.0)
            told = _tell(console, scene, told)
            for act in scene.acts:
                if act.state not in ("waiting", "done"):
                    console.print(view.plain_line(act, scene.users), soft_wrap=True, markup=False)
    finally:
        _tell(console, scene, told)


def _tell(console: Console, scene: Scene, told: int) -> int:
    for text in list(scene.news)[told:]:
        console.print(text, soft_wrap=True, markup=False)
    return len(scene.news)
