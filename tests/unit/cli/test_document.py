"""docs/commands.md is what the commands are."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from steelyard.cli.app import COMMANDS
from steelyard.cli.document import document

ROOT = Path(__file__).parents[3]


def test_the_page_is_up_to_date() -> None:
    page = (ROOT / "docs/commands.md").read_text()
    assert page == document(), "run: python -m steelyard.cli.document > docs/commands.md"


def test_every_command_and_option_is_explained() -> None:
    for line in document().splitlines():
        if line.startswith("| `"):
            assert line.split(" | ")[1].strip().endswith("."), line
    for name in COMMANDS:
        assert f"## `steelyard {name}" in document() or not find_spec(f"steelyard.cli.{name}")
