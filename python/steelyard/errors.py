"""Every error that Steelyard raises on purpose. A message names the place, the cause and the cure.

Here are only the classes; each is raised by the part that finds the fault.
"""

from __future__ import annotations

from dataclasses import dataclass


class SteelyardError(Exception):
    """The root: catch this to catch everything that Steelyard raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a configuration file.

    ``line`` counts from 1; 0 means that no line could be named (a missing key is reported at its table's line).
    """

    file: str
    line: int
    key: str
    """The path of the key, such as ``pools.web.servers[1].weight``."""
    message: str
    """What was expected, what was found and, where one is near, the valid word that was probably meant."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key}: {self.message}"


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
