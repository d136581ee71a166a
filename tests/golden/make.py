"""Writes the vectors whose expectations nobody works out by hand, from the oracle: ``python -m tests.golden.make``.

A test compares the files with what is made here, so that none is edited or taken from the native code.
"""

from __future__ import annotations

import json
from typing import Any

from tests.golden.oracle import GOLDEN, WORD, hash64, mix
from tests.golden.replay import HERE, choice_of, oracle_of

SERVERS = [{"id": f"s{number}", "weight": weight, "max_connections": 3} for number, weight in enumerate((5, 1, 2, 3))]
MADE = ("random", "weighted-random", "power-of-two", "source-hash", "maglev")


def client(number: int) -> str:
    bits = mix(number)
    return f"2001:db8:{bits & 0xFFFF:x}::{bits >> 48:x}" if number % 4 == 3 else f"198.51.{bits & 0xFF}.{bits >> 56}"


def made(algorithm: str) -> dict[str, Any]:
    """Forty choices, each with another client and number; some requests end, and one server is always out."""
    vector: dict[str, Any] = {
        "name": algorithm,
        "about": "By tests/golden/make.py, from the oracle.",
        "algorithm": algorithm,
        "hash_mask_v4": 24,
        "hash_mask_v6": 64,
        "servers": [*SERVERS, {"id": "out", "eligible": False}],
        "steps": [],
    }
    pool = oracle_of(vector)
    running: list[str] = []
    for number in range(40):
        step: dict[str, Any] = {"client": client(number), "random": f"{mix(number * GOLDEN % WORD):#018x}"}
        if number % 5 == 4:
            step["exclude"] = ["s0"]
        found = pool.may_choose(choice_of(step))
        vector["steps"].append({"choose": found[0].id if found else None, **step})
        if found:
            pool.acquire(found[0])
            running.append(found[0].id)
        if number % 3 == 2 and running:
            vector["steps"].append({"release": running[0]})
            pool.release(running.pop(0), 0, None)
    return vector


def hashes() -> dict[str, Any]:
    texts = [b"", b"a", b"server-1", b"198.51.100.7", bytes([198, 51, 100, 7]), bytes(range(16)), bytes(17)]
    cases = [(text, seed) for text in texts for seed in (0, 1, 2)]
    return {
        "about": "The hash of docs/algorithms.md: bytes and hash hexadecimal.",
        "hashes": [{"bytes": text.hex(), "seed": seed, "hash": f"{hash64(text, seed):#018x}"} for text, seed in cases],
    }


def render(vector: dict[str, Any]) -> str:
    """JSON with one step, server or case a line."""

    def value(found: Any) -> str:
        if isinstance(found, list):
            return "[\n" + ",\n".join("    " + json.dumps(each) for each in found) + "\n  ]"
        return json.dumps(found)

    return "{\n" + ",\n".join(f"  {json.dumps(key)}: {value(found)}" for key, found in vector.items()) + "\n}\n"


def files() -> dict[str, str]:
    vectors = {algorithm: made(algorithm) for algorithm in MADE}
    return {f"{name}.json": render(content) for name, content in {**vectors, "hash": hashes()}.items()}


if __name__ == "__main__":
    for file, text in files().items():
        (HERE / file).write_text(text)
        print(f"wrote {HERE / file}")
