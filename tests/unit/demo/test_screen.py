"""What is drawn where: pictures on a terminal, lines on a pipe and on a terminal that cannot redraw."""

from __future__ import annotations

import asyncio
import io

import pytest
from rich.console import Console

from steelyard.demo import screen
from tests.support.waiting import until


@pytest.mark.parametrize(("term", "terminal", "expected"), [("xterm", True, 1), ("dumb", True, 0), ("xterm", False, 0)])
async def test_pictures_or_lines(term: str, terminal: bool, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "LINE_S", 0.01)
    monkeypatch.setattr(screen, "REFRESH_S", 0.01)
    console = Console(file=io.StringIO(), force_terminal=terminal, _environ={"TERM": term}, width=40)
    pictures, lines, looks = [], [], []

    def picture() -> str:
        pictures.append("picture")
        return "picture"

    async def look() -> None:
        looks.append(1)

    async def play() -> None:
        await until(lambda: len(pictures if expected else lines) > 3)

    drawing = screen.drawn(console, picture, lambda: lines.append("line"), quiet=False, refresh=look)
    await screen.played(play(), drawing)
    assert bool(pictures) == bool(expected)
    assert bool(lines) != bool(expected)
    assert looks


async def test_a_quiet_one_draws_nothing_and_a_fault_of_the_play_is_told() -> None:
    console = Console(file=io.StringIO(), force_terminal=True)

    async def play() -> None:
        await asyncio.sleep(0)
        raise ValueError("the play")

    with pytest.raises(ValueError, match="the play"):
        await screen.played(play(), screen.drawn(console, lambda: "x", lambda: None, quiet=True))
