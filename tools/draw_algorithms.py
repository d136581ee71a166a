"""Draws docs/images/algorithm-*.svg: how each algorithm spreads load. The real scheduler is asked; nothing is made up.

.venv/bin/python tools/draw_algorithms.py
"""

from __future__ import annotations

import heapq
import ipaddress
import json
import random
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from steelyard._native import Scheduler

IMAGES = Path(__file__).parent.parent / "docs" / "images"
STYLE = """
    .ink, .title { fill: #1f2933 } .soft { fill: #52606d } .axis { stroke: #9aa5b1; stroke-width: 1 }
    .a { fill: #1098ad } .b { fill: #f08c00 } .c { fill: #9c36b5 } .must { fill: #868e96 } .need { fill: #e03131 }
    @media (prefers-color-scheme: dark) {
      .ink, .title { fill: #f0f4f8 } .soft { fill: #bcccdc } .axis { stroke: #829ab1 }
    }
"""
WIDTH = 860


def pool(algorithm: str, weights: dict[str, int]) -> bytes:
    servers = [
        {
            "id": name,
            "address": None,
            "weight": weight,
            "eligible": True,
            "keeps": True,
            "max_connections": 0,
            "mark": "",
        }
        for name, weight in weights.items()
    ]
    rest = {"affinity": None, "queue": {"size": 0, "timeout_ms": 0}, "hash_mask_v4": 32, "hash_mask_v6": 64}
    retry = {"attempts": 1, "budget": 0.0, "min_per_second": 0}
    return json.dumps(
        {"name": "drawn", "revision": 1, "algorithm": algorithm, "servers": servers, "retry": retry, **rest}
    ).encode()


def text(x: float, y: float, words: str, kind: str = "ink", anchor: str = "start") -> str:
    weight = ' font-weight="600"' if kind == "title" else ""
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'


def rectangle(x: float, y: float, width: float, height: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"/>'


def write(name: str, height: float, label: str, parts: list[str]) -> None:
    body = "\n  ".join(parts)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" font-family="system-ui, sans-serif" '
        f'font-size="13" role="img" aria-label="{escape(label)}">'
    )
    path = IMAGES / f"algorithm-{name}.svg"
    path.write_text(f"{head}\n  <style>{STYLE}  </style>\n  {body}\n</svg>\n")
    print(f"wrote docs/images/{path.name}")


# Seventy requests, each over before the next: who gets which.

PICKS = 70
WEIGHTS = {"a": 5, "b": 1, "c": 1}


def picks(algorithm: str) -> Iterator[str]:
    scheduler, chance = Scheduler(pool(algorithm, WEIGHTS)), random.Random(7)
    for number in range(PICKS):
        client = str(ipaddress.IPv4Address(chance.getrandbits(32)))
        server = scheduler.choose(client, number, chance.getrandbits(64), [])
        assert server is not None
        scheduler.release(server, number, None)
        yield server


def draw_turns() -> None:
    rows = [
        *("round-robin", "weighted-round-robin", "least-connections", "weighted-least-connections"),
        *("random", "weighted-random", "power-of-two", "source-hash", "maglev"),
    ]
    parts = [text(10, 22, "70 requests, one after the other, to servers of weights 5, 1 and 1", "title")]
    for place, server in enumerate(WEIGHTS):
        parts += [
            rectangle(640 + 62 * place, 11, 12, 12, server),
            text(657 + 62 * place, 22, f"{server} ({WEIGHTS[server]})"),
        ]
    for row, algorithm in enumerate(rows):
        y = 40 + 30 * row
        chosen = list(picks(algorithm))
        parts.append(text(10, y + 15, algorithm))
        parts += [rectangle(200 + 8 * place, y, 7, 20, server) for place, server in enumerate(chosen)]
        counts = Counter(chosen)
        parts.append(text(772, y + 15, " · ".join(str(counts[server]) for server in WEIGHTS), "soft"))
    write(
        "turns", 50 + 30 * len(rows), "Which of three servers each of seventy requests gets, for nine algorithms", parts
    )


# Three equal servers, each with one worker; one of them is ten times slower for five seconds.

ARRIVALS_PER_S, SERVICE_MS, SLOW_MS, SECONDS = 200, 10.0, 100.0, 20
SLOW_FROM_MS, SLOW_UNTIL_MS, SAMPLE_MS = 5_000, 10_000, 100
EQUAL = {"a": 1, "b": 1, "c": 1}


@dataclass
class Traffic:
    """What happened: the requests at each server at each sample, and every request's time in ms."""

    waiting: list[dict[str, int]] = field(default_factory=list)
    times_ms: list[float] = field(default_factory=list)


def play(algorithm: str) -> Traffic:
    """Poisson arrivals; a server works at one request at a time, and the others there wait."""
    scheduler, chance, traffic = Scheduler(pool(algorithm, EQUAL)), random.Random(3), Traffic()
    waiting: dict[str, deque[float]] = {server: deque() for server in EQUAL}
    events: list[tuple[float, str]] = [(at, "sample") for at in range(0, SECONDS * 1_000, SAMPLE_MS)]
    at = 0.0
    while (at := at + chance.expovariate(ARRIVALS_PER_S / 1_000)) < SECONDS * 1_000:
        events.append((at, "arrival"))
    heapq.heapify(events)

    def begin(server: str, now: float) -> None:
        slow = server == "c" and SLOW_FROM_MS <= now < SLOW_UNTIL_MS
        heapq.heappush(events, (now + chance.expovariate(1 / (SLOW_MS if slow else SERVICE_MS)), server))

    while events:
        now, what = heapq.heappop(events)
        if what == "sample":
            traffic.waiting.append({server: scheduler.active(server) for server in EQUAL})
        elif what == "arrival":
            server = scheduler.choose("", int(now), chance.getrandbits(64), []) or "a"
            waiting[server].append(now)
            if len(waiting[server]) == 1:
                begin(server, now)
        else:
            time_ms = now - waiting[what].popleft()
            scheduler.release(what, int(now), int(time_ms * 1_000))
            traffic.times_ms.append(time_ms)
            if waiting[what]:
                begin(what, now)
    return traffic


def draw_slow() -> None:
    rows = ("round-robin", "random", "power-of-two", "least-connections", "peak-ewma")
    left, right, height, most = 190, 690, 70, 300
    parts = [
        text(
            10,
            22,
            "One of three equal servers is ten times slower from second 5 to 10: requests waiting or running",
            "title",
        )
    ]
    for place, server in enumerate(EQUAL):
        words = "c, the slow one" if server == "c" else server
        parts += [rectangle(190 + 40 * place, 34, 12, 12, server), text(207 + 40 * place, 45, words)]
    for row, algorithm in enumerate(rows):
        base = 60 + (row + 1) * (height + 16)
        traffic = play(algorithm)
        step = (right - left) / len(traffic.waiting)
        below = [0.0] * len(traffic.waiting)
        for server in EQUAL:
            above = [low + waiting[server] for low, waiting in zip(below, traffic.waiting, strict=True)]
            line = [(left + step * place, base - height * min(value, most) / most) for place, value in enumerate(above)]
            back = [(left + step * place, base - height * min(value, most) / most) for place, value in enumerate(below)]
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in [*line, *reversed(back)])
            parts.append(f'<polygon class="{server}" points="{points}"/>')
            below = above
        times = sorted(traffic.times_ms)
        parts += [
            f'<line class="axis" x1="{left}" y1="{base}" x2="{right}" y2="{base}"/>',
            text(10, base - height / 2 + 5, algorithm),
            text(left - 6, base - height + 10, str(most), "soft", "end"),
            text(right + 12, base - height / 2 - 4, f"mean {sum(times) / len(times):.0f} ms", "soft"),
            text(right + 12, base - height / 2 + 14, f"99 % within {times[int(len(times) * 0.99)]:.0f} ms", "soft"),
        ]
    end = 60 + len(rows) * (height + 16)
    parts += [
        text(left + (right - left) * second / SECONDS, end + 18, f"{second} s", "soft", "middle")
        for second in (0, 5, 10, 15, 20)
    ]
    write("slow", end + 28, "Requests at three servers over twenty seconds, one of them slow for five", parts)


# Ten servers, one leaves: whose clients move.

CLIENTS = 20_000


def moved(algorithm: str) -> tuple[float, float]:
    """The shares of clients that must move, because their server left, and that move although it stayed."""
    chance = random.Random(5)
    clients = [str(ipaddress.IPv4Address(chance.getrandbits(32))) for _ in range(CLIENTS)]

    def places(servers: int) -> list[str | None]:
        scheduler = Scheduler(pool(algorithm, {f"s{number}": 1 for number in range(servers)}))
        return [scheduler.peek(client, 0, 0, [])[0] for client in clients]

    before, after = places(10), places(9)
    must = sum(old == "s9" for old in before)
    need = sum(old not in ("s9", new) for old, new in zip(before, after, strict=True))
    return must / CLIENTS, need / CLIENTS


def draw_moved() -> None:
    parts = [text(10, 22, "One of ten servers leaves: which clients get another server", "title")]
    for place, (kind, words) in enumerate((("must", "their server left"), ("need", "their server is still there"))):
        parts += [rectangle(520 + 130 * place, 11, 12, 12, kind), text(537 + 130 * place, 22, words)]
    for row, algorithm in enumerate(("source-hash", "maglev")):
        y = 40 + 34 * row
        must, need = moved(algorithm)
        parts += [
            text(10, y + 16, algorithm),
            rectangle(110, y, 560 * must, 22, "must"),
            rectangle(110 + 560 * must, y, 560 * need, 22, "need"),
            text(110 + 560 * (must + need) + 8, y + 16, f"{must:.1%} + {need:.2%} of the clients", "soft"),
        ]
    write("moved", 116, "The share of clients that move when one of ten servers leaves", parts)


if __name__ == "__main__":
    draw_turns()
    draw_slow()
    draw_moved()
