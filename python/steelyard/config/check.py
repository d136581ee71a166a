"""Combinations: words that are right by themselves and cannot stand together, or that have no effect together.

Pure: one ``Config`` in, findings out. The rules are in ``rules``, by the part of the file they are about. Errors could
not work; warnings work, but probably not as they were meant.
"""

from __future__ import annotations

from steelyard.config.finding import Doubt, Finding
from steelyard.config.model import Config
from steelyard.config.rules import listeners, pools, process, services

NO_DOUBT = Doubt()


def check(config: Config, doubt: Doubt = NO_DOUBT) -> tuple[Finding, ...]:
    """What is wrong with the whole; nothing is concluded from what is in doubt."""
    rules = (pools.findings, services.findings, listeners.findings, process.findings)
    found = (finding for rule in rules for finding in rule(config))
    return tuple(finding for finding in found if not doubt.touches(finding))
