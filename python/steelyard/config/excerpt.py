"""The line of a file that a message shows. Secrets are masked, because messages end up in logs and tickets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from steelyard.config.fields import all_words
from steelyard.config.locate import Span
from steelyard.config.words import nearest

_PAIR = re.compile(
    r"""
    ([\w-]+) (["']?\s*[=:]\s*)
    (?! \{\s*(?:env|file)\s*= )          # where a secret is kept is none itself
    ( \"\"\".*  | '''.*                  # a text over several lines
    | (?: "(?:[^"\\]|\\.)*"? | '[^']*'? ) (?:\s*[^\s,}\]#]+)*    # a text, closed or not, and what hangs on it
    | \[[^\]]*\]? | \{[^}]*\}?           # an array, a table
    | [^\s,}\]#=:\[{"'][^,}\]#]*         # words without quotes
    )""",
    re.VERBOSE,
)
_SECRET_WORDS = frozenset(("token", "key", "secret", "password"))
_WORDS = _SECRET_WORDS | all_words()
MASK = '"…"'


@dataclass(frozen=True, slots=True)
class Excerpt:
    line: str
    column: int
    """Of the mark, counted from 1; 0: nothing to mark."""
    length: int


def names_secret(word: str) -> bool:
    """Whether a key, misspelt perhaps, is one behind which a secret stands."""
    return nearest(word, _WORDS) in _SECRET_WORDS


def excerpt(lines: Sequence[str], span: Span) -> Excerpt:
    """The span's line without line end and tabs, and where the span is in it."""
    if span.line == 0 or span.column == 0:
        return Excerpt("", 0, 0)
    line = lines[span.line - 1].replace("\t", " ")
    start, end = span.column - 1, span.column - 1 + span.length
    masked, shift, grown = "", 0, 0
    at = 0
    for found in _PAIR.finditer(line):
        if not names_secret(found[1]):
            continue
        masked += line[at : found.start(3)] + MASK
        at = found.end(3)
        change = len(MASK) - len(found[3])
        if at <= start:
            shift += change
        elif found.start(3) < end:
            grown += change
    masked += line[at:]
    printable = "".join(char if char.isprintable() else "�" for char in masked)
    return Excerpt(printable, start + shift + 1, max(1, span.length + grown))
