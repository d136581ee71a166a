"""Every word with which the plane ends a request or a connection stands on the page of refusals."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
WORD = re.compile(r'"([a-z]+(?:-[a-z]+)+)"')
PLAIN = re.compile(r'(?:Err|reject)\([^"\n]*"([a-z]+)"\)')
"""A reason of one word is told from other words by where it stands."""
NOT_REASONS = {"access-log"}
"""Words of the same form that mean something else: the log's thread."""


def test_every_word_is_explained() -> None:
    page = (ROOT / "docs" / "refusals.md").read_text()
    sources = (ROOT / "crates" / "dataplane" / "src").rglob("*.rs")
    code = "\n".join(path.read_text() for path in sources if path.name != "tests.rs")
    words = (set(WORD.findall(code)) | set(PLAIN.findall(code))) - NOT_REASONS
    assert words >= {"queue-full", "connections", "descriptors"}, "the words are found by their form"
    assert {word for word in words if f"| `{word}` |" not in page} == set()
