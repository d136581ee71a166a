"""``steelyard demo``: three servers of unequal speed, a load, and a server that dies and comes back."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import signal
from typing import TYPE_CHECKING, Annotated, get_args

import typer
from rich.console import Console
from rich.live import Live

from steelyard.config.model import Algorithm
from steelyard.errors import SteelyardError

if TYPE_CHECKING:
    from steelyard.balancer import Balancer
    from steelyard.demo.story import Scene, Summary

REFRESH_S = 0.25


def demo(
    seconds: Annotated[float | None, typer.Option(min=1.0, help="End after this time; without it, on Ctrl-C.")] = None,
    algorithm: Annotated[str, typer.Option(help="How a server is chosen.")] = "least-connections",
    clients: Annotated[int, typer.Option(min=1, max=1000, help="How many clients click.")] = 24,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the summary, as JSON.")] = False,
) -> None:
    """Run three servers of unequal speed, balance a load over them, kill one and revive it.

    Needs no root and nothing else installed. Exit status 1 if any request failed.
    """
    if algorithm not in get_args(Algorithm):
        raise typer.BadParameter(f"expected one of {', '.join(get_args(Algorithm))}", param_hint="--algorithm")
    console = Console(stderr=as_json, highlight=False)
    try:
        summary = asyncio.run(_run(console, seconds, algorithm, clients, quiet=as_json))
    except SteelyardError as error:
        Console(stderr=True).print(f"steelyard demo: {error}", style="red", markup=False)
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps(dataclasses.asdict(summary)))
    else:
        from steelyard.demo.view import show_summary

        show_summary(console, summary)
    raise typer.Exit(0 if summary.succeeded else 1)


async def _run(console: Console, seconds: float | None, algorithm: str, clients: int, *, quiet: bool) -> Summary:
    """The story with its pictures, until its end or Ctrl-C."""
    from steelyard.demo import story

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
    from steelyard.demo import view

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
