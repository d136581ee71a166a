"""One member of a cluster as a process of its own, driven by lines: ``python member.py URL``.

It prints ``ready`` when it has caught up. ``write PREFIX COUNT SIZE`` creates sessions and prints each key once it is
acknowledged; ``have KEY``, ``get KEY``, ``count`` and ``stats`` ask; ``put KEY NAME VALUE``,
``drop KEY NAME``, ``end KEY`` and ``leave`` change.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict

from steelyard.sessions.codec import decode, encode
from steelyard.sessions.errors import SessionError
from steelyard.sessions.plan import Connector, carry_out
from steelyard.sessions.record import Content, Entry, Stored
from steelyard.sessions.stores.base import Outrun, Saved
from steelyard.sessions.stores.replicated import ReplicatedStore, from_url


def main() -> None:
    store = from_url(sys.argv[1])
    assert isinstance(store, ReplicatedStore)
    connector = store.connector()
    say("ready")
    for line in sys.stdin:
        command, *words = line.split()
        if command == "leave":
            break
        try:
            for answer in answers(store, connector, command, words):
                say(answer)
        except SessionError as error:
            say(f"error {error}")
    connector.close()
    say("left")


def answers(store: ReplicatedStore, connector: Connector, command: str, words: list[str]):  # type: ignore[no-untyped-def]
    now = time.time()
    match command, words:
        case "write", [prefix, count, size]:
            for number in range(int(count)):
                key = f"{prefix}.{number}"
                try:
                    if carry_out(store.create(key, Stored(1, now + 3600, "", b"x" * int(size)), now), connector):
                        yield f"wrote {key}"
                except SessionError:
                    yield f"refused {key}"
            yield "done"
        case "have", keys:
            yield f"missing {sum(carry_out(store.load(key, now), connector) is None for key in keys)}"
        case "put", [key, name, value]:
            yield f"put {put(store, connector, key, (name, value.encode()), now)}"
        case "drop", [key, name]:
            yield f"put {put(store, connector, key, (name, None), now)}"
        case "end", [key]:
            carry_out(store.end(key, now + 600, now), connector)
            yield "ended"
        case "get", [key]:
            stored = carry_out(store.load(key, now), connector)
            entries = {} if stored is None else decode(stored.body).entries
            yield "got " + json.dumps(
                {n: entry.value.decode() for n, entry in entries.items() if entry.value is not None}
            )
        case "count", []:
            yield f"count {carry_out(store.count(now), connector)}"
        case "stats", []:
            yield "stats " + json.dumps(asdict(store.node.stats()))
        case _:
            yield f"error what is {command}?"


def put(store: ReplicatedStore, connector: Connector, key: str, change: tuple[str, bytes | None], now: float) -> bool:
    """Set or delete one entry of a session, leaving a trace as a save does, by compare and swap until it holds."""
    name, value = change
    current = carry_out(store.load(key, now), connector)
    while True:
        content = Content(now, now + 3600) if current is None else decode(current.body)
        entry = Entry(time.time_ns() // 1000, value)
        body = encode(content.with_entries({**content.entries, name: entry}))
        if current is None:
            return carry_out(store.create(key, Stored(1, now + 3600, "", body), now), connector)
        stored = Stored(current.version + 1, now + 3600, "", body)
        outcome = carry_out(store.replace(key, current.version, stored, now), connector)
        if not isinstance(outcome, Outrun):
            return isinstance(outcome, Saved)
        current = outcome.current


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
