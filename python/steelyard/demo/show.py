"""The demo on the screen: the story and what is drawn of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from steelyard.demo import screen, story, view

if TYPE_CHECKING:
    from steelyard.demo.story import Scene, Summary


async def show(console: Console, seconds: float | None, algorithm: str, clients: int, *, quiet: bool) -> Summary:
    """The story with its pictures, until its end or Ctrl-C."""
    async with story.stage(algorithm, clients) as (scene, balancer):  # type: ignore[arg-type]

        async def look() -> None:
            scene.status = await balancer.status()

        if not quiet and not screen.has_screen(console):
            console.print(f"steelyard demo on {scene.url} (admin API {scene.admin})", soft_wrap=True)
        lines = _Lines(console, scene)
        drawing = screen.drawn(console, lambda: view.panel(scene), lines.tell, quiet=quiet, refresh=look)
        await screen.played(story.play(scene, seconds), drawing)
    return story.summarise(scene)


class _Lines:
    """Where there is no terminal: a line of numbers, and the news as they come."""

    def __init__(self, console: Console, scene: Scene) -> None:
        self.console = console
        self.scene = scene
        self.told = 0

    def tell(self) -> None:
        self.console.print(view.plain_line(self.scene), soft_wrap=True)
        for at, text in list(self.scene.news)[self.told :]:
            self.console.print(f"{at:5.1f} s  {text}", soft_wrap=True, markup=False)
        self.told = len(self.scene.news)
