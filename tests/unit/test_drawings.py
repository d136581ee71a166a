"""The drawings of docs/algorithms.md are what the scheduler draws today."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tools import draw_algorithms


@pytest.mark.parametrize(
    ("draw", "name"),
    [
        (draw_algorithms.draw_turns, "algorithm-turns.svg"),
        (draw_algorithms.draw_slow, "algorithm-slow.svg"),
        (draw_algorithms.draw_moved, "algorithm-moved.svg"),
    ],
)
def test_the_drawing_is_todays(
    draw: Callable[[], None], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = (draw_algorithms.IMAGES / name).read_text()
    monkeypatch.setattr(draw_algorithms, "IMAGES", tmp_path)
    draw()
    assert (tmp_path / name).read_text() == kept, "run: .venv/bin/python tools/draw_algorithms.py"
