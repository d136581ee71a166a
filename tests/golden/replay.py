"""Golden vectors: their shape, and how one is replayed against a scheduler.

A vector is a file ``*.json``: a pool and steps. A step is ``{"choose": id or null, …}``, the server that must be
chosen, which then has one request more; ``{"release": id, …}``; or ``{"update": [servers]}``. What a step leaves out
has the value that ``CHOOSE``, ``RELEASE`` and ``SERVER`` give it. Random numbers are hexadecimal, for JSON has no
64-bit integers.
``crates/balance/tests/golden.rs`` reads the same files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.golden.oracle import Choice, Oracle, Server

HERE = Path(__file__).parent
CHOOSE: dict[str, Any] = {"client": "", "random": "0x0", "now_ms": 0, "exclude": []}
RELEASE: dict[str, Any] = {"now_ms": 0, "latency_us": None}
SERVER: dict[str, Any] = {"weight": 1, "eligible": True, "max_connections": 0}


def vectors() -> dict[str, dict[str, Any]]:
    """Those of the algorithms; other parts keep theirs in the same place."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(HERE.glob("*.json"))}
    return {name: vector for name, vector in found.items() if "algorithm" in vector}


def published(vector: dict[str, Any], servers: list[dict[str, Any]] | None = None) -> bytes:
    """The pool as the snapshot has it."""
    fixed = {"address": None, "mark": ""}
    filled = [{**SERVER, **server, **fixed} for server in servers or vector["servers"]]
    return json.dumps(
        {
            "name": vector["name"],
            "revision": 1,
            "algorithm": vector["algorithm"],
            "affinity": None,
            "queue": {"size": 0, "timeout_ms": 0},
            "retry": {"attempts": 3, "budget": 0.2, "min_per_second": 10},
            "hash_mask_v4": vector.get("hash_mask_v4", 32),
            "hash_mask_v6": vector.get("hash_mask_v6", 64),
            "servers": [{**server, "keeps": server["eligible"]} for server in filled],
        }
    ).encode()


def oracle_of(vector: dict[str, Any]) -> Oracle:
    masks = {"mask_v4": vector.get("hash_mask_v4", 32), "mask_v6": vector.get("hash_mask_v6", 64)}
    return Oracle(vector["algorithm"], [Server(**server) for server in vector["servers"]], **masks)


def choice_of(step: dict[str, Any]) -> Choice:
    step = {**CHOOSE, **step}
    return Choice(step["client"], int(step["random"], 16), tuple(step["exclude"]), step["now_ms"])
