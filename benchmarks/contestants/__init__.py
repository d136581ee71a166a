"""Who takes part, as data: add a class here and it is measured."""

from __future__ import annotations

from benchmarks.contestants.base import Contestant, Running, Work
from benchmarks.contestants.haproxy import Haproxy
from benchmarks.contestants.nginx import Nginx
from benchmarks.contestants.relay import Relay
from benchmarks.contestants.steelyard import Steelyard

CONTESTANTS: dict[str, Contestant] = {one.name: one for one in (Steelyard(), Relay(), Nginx(), Haproxy())}

__all__ = ["CONTESTANTS", "Contestant", "Running", "Work"]
