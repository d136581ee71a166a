"""What each algorithm needs to know and what each mode can tell it. The modes of today feed every algorithm, as a test
holds; the first that does not brings the rule that refuses the pair.

The first table is exported by ``crates/balance`` too (``_native.algorithm_needs``); a test holds both together.
"""

from __future__ import annotations

from typing import Literal

from steelyard.config.model import Algorithm, Mode

Need = Literal["weight", "live-load", "latency", "address"]

NEEDS: dict[Algorithm, frozenset[Need]] = {
    "round-robin": frozenset(),
    "weighted-round-robin": frozenset({"weight"}),
    "least-connections": frozenset({"live-load"}),
    "weighted-least-connections": frozenset({"weight", "live-load"}),
    "random": frozenset(),
    "weighted-random": frozenset({"weight"}),
    "source-hash": frozenset({"address"}),
    "maglev": frozenset({"weight", "address"}),
    "power-of-two": frozenset({"weight", "live-load"}),
    "peak-ewma": frozenset({"live-load", "latency"}),
}

GIVES: dict[Mode, frozenset[Need]] = {
    "proxy": frozenset({"weight", "live-load", "latency", "address"}),
    "tcp": frozenset({"weight", "live-load", "latency", "address"}),
}
"""Mode ``tcp`` sees no requests, but connections: the latency it knows is the time that connecting took."""


def reads_weights(algorithm: Algorithm) -> bool:
    return "weight" in NEEDS[algorithm]


def weighing() -> tuple[Algorithm, ...]:
    """The algorithms that read weights."""
    return tuple(algorithm for algorithm in NEEDS if reads_weights(algorithm))
