"""The demo on the screen: the story is played, and drawn until it ends or somebody presses Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from steelyard.demo import story, view

if TYPE_CHECKING:
    from steelyard.balancer import Balancer
    from steelyard.demo.story import Scene, Summary

REFRESH_S = 0.25


async def show(console: Console, seconds: float | None, algorithm: str, clients: int, *, quiet: bool) -> Summary:
    """The story with its pictures, until its end or Ctrl-C."""
    loop = asyncio.get_running_loop()
    async with story.stage(algorithm, clients) as (scene, balancer):  # type: ignore[arg-type]
        playing = asyncio.create_task(story.play(scene, seconds))
        showing = asyncio.create_task(_show(console, scene, balancer, quiet=quiet))
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
    return story.summarise(scene)


async def _show(console: Console, scene: Scene, balancer: Balancer, *, quiet: bool) -> None:
    """Draw until cancelled."""
    if quiet:
        await asyncio.Event().wait()
    elif console.is_terminal:
        with Live(view.panel(scene), console=console, auto_refresh=False) as live:
            while True:
                scene.status = await balancer.status()
                live.update(view.panel(scene), refresh=True)
                await asyncio.sleep(REFRESH_S)
    else:
        console.print(f"steelyard demo on {scene.url} (admin API {scene.admin})", soft_wrap=True)
        told = 0
        while True:
            await asyncio.sleep(1.0)
            scene.status = await balancer.status()
            console.print(view.plain_line(scene), soft_wrap=True)
            for at, text in list(scene.news)[told:]:
                console.print(f"{at:5.1f} s  {text}", soft_wrap=True, markup=False)
            told = len(scene.news)
