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
    hidden = [found.span(3) for found in _PAIR.finditer(line) if names_secret(found[1])]
    start = _masked(hidden, span.column - 1, inside=0)
    end = _masked(hidden, span.column - 1 + span.length, inside=len(MASK))
    for first, last in reversed(hidden):
        line = line[:first] + MASK + line[last:]
    printable = "".join(char if char.isprintable() else "�" for char in line)
    return Excerpt(printable, start + 1, max(1, end - start))


def _masked(hidden: Sequence[tuple[int, int]], at: int, inside: int) -> int:
    """Where an offset of the line is when the hidden pieces have become masks; ``inside``: where in the mask."""
    shift = 0
    for first, last in hidden:
        if first < at < last:
            return first + shift + inside
        if at >= last:
            shift += len(MASK) - (last - first)
    return at + shift
