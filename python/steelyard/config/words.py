"""How a value says what it wants: the word of its type for the reference, and the sentence when it is something else.

The value types themselves are in ``types``. What was found is added by ``faults``, which knows the file.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass


class WrongValue(ValueError):
    """A value that cannot be what it stands for; ``cure`` is what was probably meant."""

    def __init__(self, expected: str, cure: str = "") -> None:
        super().__init__(f"expected {expected}; {cure}" if cure else f"expected {expected}")
        self.expected = expected
        self.cure = cure


@dataclass(frozen=True, slots=True)
class Word:
    """The type of a value in words, hung on the annotation as metadata."""

    name: str
    """For the reference: ``duration``."""
    expected: str
    """For a sentence that begins with "expected": ``a duration with its unit, such as "2s"``."""
    write: Callable[[object], str] | None = None
    """Turns a Python value into the text that a file would have."""


def matching(pattern: re.Pattern[str], expected: str) -> Callable[[object], str]:
    """A validator: text that matches the whole pattern."""

    def judge(value: object) -> str:
        if isinstance(value, str) and pattern.fullmatch(value):
            return value
        raise WrongValue(expected)

    return judge


def nearest(word: object, valid: Iterable[str]) -> str | None:
    """The valid word that was probably meant: the same letters in another dress, or a few letters off."""
    return _nearest(word, tuple(valid)) if isinstance(word, str) else None


@functools.lru_cache(maxsize=1024)  # the same slip is often made thousands of times
def _nearest(word: str, valid: tuple[str, ...]) -> str | None:
    plain = {_plain(each): each for each in valid}
    if (same := plain.get(_plain(word))) is not None:
        return same
    near = difflib.get_close_matches(_plain(word), plain, n=1, cutoff=0.6)
    return plain[near[0]] if near else None


def _plain(word: str) -> str:
    return word.strip().lower().replace("_", "-").replace(" ", "-")


def did_you_mean(text: str | None) -> str:
    return f"did you mean {text}?" if text else ""
