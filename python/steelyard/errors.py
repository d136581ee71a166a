"""Every error that Steelyard raises on purpose. A message names the place, the cause and the cure.

Here are only the classes; each is raised by the part that finds the fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


class SteelyardError(Exception):
    """The root: catch this to catch everything that Steelyard raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a configuration file: an error (it cannot be used) or a warning (it probably is not meant)."""

    file: str
    line: int
    """Counts from 1; 0: no line could be named. A missing key is reported at its table's line."""
    key: str
    """The path of the key, such as ``pools.web.servers[1].weight``."""
    message: str
    """What was expected and what was found."""
    cure: str = ""
    """What to do about it: the nearest valid word that was probably meant, or advice; empty when neither is known."""
    severity: Severity = "error"
    column: int = 0
    """Where the faulty key or value begins in ``source``, counted from 1; 0: not known."""
    length: int = 0
    """How many characters of ``source`` it has."""
    source: str = ""
    """The line itself, with secrets masked."""

    def __str__(self) -> str:
        place = ": ".join(part for part in (f"{self.file}:{self.line}" if self.line else self.file, self.key) if part)
        text = f"{self.message}; {self.cure}" if self.cure else self.message
        return f"{place}: {text}" if self.severity == "error" else f"{place}: warning: {text}"


class ConfigError(SteelyardError):
    """A configuration that cannot be used. ``problems`` holds all that is wrong with it, not just the first."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class PlaneError(SteelyardError):
    """The native plane refused something: an address that cannot be bound, a snapshot that is inconsistent."""


class UnknownName(SteelyardError):
    """An operator named a pool, server or service that is not there. The message lists the nearest that is."""


class Refused(SteelyardError):
    """An operator asked for something that cannot be done in the present state; the message says what would help."""
