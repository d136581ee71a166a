"""The example of docs/library.md runs as it stands there; the diagrams of docs/health.md are those of the tables."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tools import draw_states

DOCS = Path(__file__).parents[3] / "docs"


def test_the_example_runs(tmp_path: Path) -> None:
    [example] = re.findall(r"```python\n(.*?)```", (DOCS / "library.md").read_text(), re.DOTALL)
    (tmp_path / "example.py").write_text(example)
    done = subprocess.run(
        [sys.executable, tmp_path / "example.py"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    answers, *rest = done.stdout.splitlines()
    assert len(set(re.findall(r"200 from port:\d+", answers))) == 2
    assert rest[:2] == ["admin-changed a", "server-drained a"]
    assert rest[2].startswith("a up drain | drain: no new clients")
    assert rest[3].startswith("b up ready | up since ")


def test_the_diagrams_are_those_of_the_tables() -> None:
    page = (DOCS / "health.md").read_text()
    assert draw_states.draw(page) == page, "run python tools/draw_states.py"
