"""Draws docs/images/demo.svg: the live view of a real demonstration, a moment after a server was killed.

.venv/bin/python tools/draw_demo.py
"""

from __future__ import annotations

import asyncio
import io
import re
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from steelyard.demo import story, view

TARGET = Path(__file__).parent.parent / "docs" / "images" / "demo.svg"
SECONDS = 20.0
MOMENT = 0.6
"""Drawn at this share of the whole: after the kill, before the revival."""


async def draw() -> str:
    """Run the story and take the picture."""
    console = Console(record=True, width=112, file=io.StringIO(), force_terminal=True)
    async with story.stage("least-connections", 24) as (scene, balancer):
        playing = asyncio.create_task(story.play(scene, SECONDS))
        await asyncio.sleep(SECONDS * MOMENT)
        scene.status = await balancer.status()
        console.print(view.panel(scene))
        playing.cancel()
    drawn = console.export_svg(title="make demo", theme=MONOKAI)
    # Fonts of the reader's machine instead of ones that a page would have to fetch.
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL).replace("Fira Code", "ui-monospace")


if __name__ == "__main__":
    TARGET.write_text(asyncio.run(draw()))
    print(f"wrote {TARGET.relative_to(Path.cwd())}")
