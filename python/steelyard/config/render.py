"""Problems for people and for programs: the line with a mark under the fault, what is wrong, what to do about it.

Pure: a ``Problem`` carries its line (with secrets masked), so that nothing is read again here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

from steelyard.errors import Problem

WIDTH = 100
"""Longer lines are cut around the mark."""

_Paint = Callable[[str, str], str]
_STYLES = {"error": "31;1", "warning": "33;1", "strong": "1", "faint": "2", "cure": "32"}


def render(problems: Sequence[Problem], color: bool = False) -> str:
    """All problems, in the order given, and a last line that counts them; empty when there are none."""
    if not problems:
        return ""
    paint = _paint if color else _plain
    return "\n\n".join([*(_one(problem, paint) for problem in problems), _summary(problems, paint)])


def as_json(problems: Sequence[Problem]) -> list[dict[str, str | int]]:
    """The same for programs: one object each, with the words of ``Problem``."""
    return [asdict(problem) for problem in problems]


def _one(problem: Problem, paint: _Paint) -> str:
    place = ":".join(str(part) for part in (problem.file, problem.line, problem.column) if part)
    head = paint(f"{problem.severity}:", problem.severity)
    lines = [f"{head} {paint(problem.key or place, 'strong')}"]
    margin = " " * len(str(problem.line))
    if problem.key:
        lines.append(f"{margin} {paint('┌─', 'faint')} {place}")
    if problem.source:
        text, column, length = _window(problem)
        bar = paint("│", "faint")
        mark = " " * (column - 1) + paint("^" * length, problem.severity)
        lines += [f"{paint(str(problem.line), 'faint')} {bar} {text}", f"{margin} {bar} {mark}"]
    lines.append(f"{margin} {paint('└─' if problem.key or problem.source else '──', 'faint')} {problem.message}")
    if problem.cure:
        lines.append(f"{margin}    {paint(problem.cure, 'cure')}")
    return "\n".join(lines)


def _window(problem: Problem) -> tuple[str, int, int]:
    """The part of a long line that holds the mark, the column of the mark in it, and its length."""
    text, start, length = problem.source, problem.column - 1, max(1, problem.length)
    first = 0
    if len(text) > WIDTH:
        first = max(0, min(start - WIDTH // 4, len(text) - WIDTH))
        text = text[first : first + WIDTH]
        text = ("…" if first else text[0]) + text[1:-1] + ("…" if first + WIDTH < len(problem.source) else text[-1])
    return text, start - first + 1, max(1, min(length, len(text) - (start - first)))


def _summary(problems: Sequence[Problem], paint: _Paint) -> str:
    counts = [(kind, sum(problem.severity == kind for problem in problems)) for kind in ("error", "warning")]
    words = [paint(f"{count} {kind}{'s' if count != 1 else ''}", kind) for kind, count in counts if count]
    return " and ".join(words)


def _plain(text: str, style: str) -> str:
    return text


def _paint(text: str, style: str) -> str:
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"
