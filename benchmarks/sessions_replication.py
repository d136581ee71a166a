"""What replicated sessions cost: memory, bytes between members, time to write and to catch up.

    python benchmarks/sessions_replication.py [--sessions 100000] [--size 2048] [--members 3]

For ``copies=2`` and ``copies=all``: processes on loopback, filled through the first one with 8 threads; then one more
member joins. Memory is the growth of the processes' resident set, summed, per session.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import secrets
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import Any

from steelyard.sessions.keys import new_id, store_key
from steelyard.sessions.plan import carry_out
from steelyard.sessions.record import Stored
from steelyard.sessions.stores.replicated import ReplicatedStore, from_url

THREADS = 8


def member(url: str, pipe: Connection) -> None:
    """One process: it obeys what comes through the pipe."""
    store = from_url(url)
    assert isinstance(store, ReplicatedStore)
    began = time.monotonic()
    connector = store.connector()
    pipe.send(time.monotonic() - began)
    while True:
        command, *arguments = pipe.recv()
        if command == "stats":
            pipe.send({**asdict(store.node.stats()), "rss": resident()})
        elif command == "fill":
            sessions, size = arguments

            def create(_: int, size: int = size) -> float:
                now, key = time.time(), store_key(new_id())
                started = time.perf_counter()
                stored = Stored(1, now + 3600, "", secrets.token_bytes(size))
                assert carry_out(store.create(key, stored, now), connector)
                return time.perf_counter() - started

            with ThreadPoolExecutor(THREADS) as pool:
                pipe.send(sorted(pool.map(create, range(sessions), chunksize=1)))
        else:
            os._exit(0)


def resident() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """A member and the pipe to it."""

    def __init__(self, url: str) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        multiprocessing.get_context("spawn").Process(target=member, args=(url, theirs), daemon=True).start()
        self.joined_s: float = self.pipe.recv()

    def ask(self, *command: Any) -> Any:
        self.pipe.send(command)
        return self.pipe.recv()


def measure(copies: str, members: int, sessions: int, size: int) -> dict[str, Any]:
    ports = [free_port() for _ in range(members + 1)]
    shared = f"copies={copies}&cluster={new_id()}&join=1&peers=" + ",".join(f"127.0.0.1:{port}" for port in ports)
    urls = [f"replicated://m{number}@127.0.0.1:{port}?{shared}" for number, port in enumerate(ports)]
    processes = [Process(url) for url in urls[:-1]]
    before = [process.ask("stats") for process in processes]
    started = time.monotonic()
    latencies = processes[0].ask("fill", sessions, size)
    filled_s = time.monotonic() - started
    after = [process.ask("stats") for process in processes]

    def grown(name: str) -> int:
        return sum(late[name] - early[name] for late, early in zip(after, before, strict=True))

    joined = Process(urls[-1])
    caught = joined.ask("stats")
    for process in [*processes, joined]:
        process.pipe.send(("exit",))
    return {
        "copies": copies,
        "members": members,
        "sessions": sessions,
        "bytes a session": size,
        "writes/s": round(sessions / filled_s),
        "write p50 ms": round(1e3 * latencies[len(latencies) // 2], 2),
        "write p99 ms": round(1e3 * latencies[len(latencies) * 99 // 100], 2),
        "bytes sent a write": round(grown("bytes_sent") / sessions),
        "records kept a session": round(grown("records") / sessions, 2),
        "memory a session, all members": round(grown("rss") / sessions),
        "start to ready s": round(joined.joined_s, 2),
        "catch-up s": round(caught["catch_up"], 2),
        "records caught up": caught["records"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--members", type=int, default=3)
    asked = parser.parse_args()
    for copies in ("2", "all"):
        json.dump(measure(copies, asked.members, asked.sessions, asked.size), sys.stdout, indent=1)
        print(flush=True)


if __name__ == "__main__":
    main()
