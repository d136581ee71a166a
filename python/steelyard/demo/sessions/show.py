"""The ways on the screen: one is played after another, and drawn until the end or until somebody presses Ctrl-C."""

from __future__ import annotations

from collections.abc import Collection

from rich.console import Console

from steelyard.demo import screen
from steelyard.demo.sessions import story, view
from steelyard.demo.sessions.story import Act, Result, Scene
from steelyard.demo.sessions.ways import WAYS


async def show(
    console: Console, seconds: float, users: int, wanted: Collection[str], *, quiet: bool
) -> tuple[list[Result], dict[str, str]]:
    """The results of the wanted ways that were played to their end, and why others could not be."""
    ways = [way for way in WAYS if way.name in wanted]
    missing = {way.name: why for way in ways if (why := way.missing())}
    scene = Scene(users, seconds, [Act(way) for way in ways if way.name not in missing])
    lines = _Lines(console, scene)
    drawing = screen.drawn(console, lambda: view.panel(scene), lines.tell, quiet=quiet)
    await screen.played(_play(scene), drawing)
    return [act.result for act in scene.acts if act.result is not None], missing


async def _play(scene: Scene) -> None:
    for act in scene.acts:
        await story.perform(act, scene)


class _Lines:
    """Where there is no terminal: the news as they come, and a line for each way that is played now."""

    def __init__(self, console: Console, scene: Scene) -> None:
        self.console = console
        self.scene = scene
        self.told = 0

    def tell(self) -> None:
        for text in list(self.scene.news)[self.told :]:
            self.console.print(text, soft_wrap=True, markup=False)
        self.told = len(self.scene.news)
        for act in self.scene.acts:
            if act.state not in ("waiting", "done"):
                self.console.print(view.plain_line(act, self.scene.users), soft_wrap=True, markup=False)
