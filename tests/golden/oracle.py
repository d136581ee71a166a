"""The algorithms again, slowly and obviously, from their papers and our docs: the oracle of the golden vectors.

Independent of the native code: exact fractions where it takes cross products, walks where it takes tables, a plain
minimum where it keeps an order. Nothing is optimised or shared between threads. Time and chance are arguments here too.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, count, islice

WORD = 1 << 64
GOLDEN = 0x9E3779B97F4A7C15
STRIDE = 1 << 16
TAU_MS = 10_000.0
CANDIDATES = 32


def mix(x: int) -> int:
    """The finalizer of SplitMix64."""
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % WORD
    x = (x ^ x >> 27) * 0x94D049BB133111EB % WORD
    return x ^ x >> 31


def hash64(data: bytes, seed: int) -> int:
    """Words of eight bytes, little-endian, the last padded with zeros, folded in one after another."""
    state = mix((GOLDEN * (len(data) + 1) + seed) % WORD)
    for start in range(0, len(data), 8):
        state = mix(state ^ int.from_bytes(data[start : start + 8], "little"))
    return state


def client_hash(client: str, mask_v4: int, mask_v6: int) -> int:
    address = ipaddress.ip_address(client)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    bits = mask_v4 if address.version == 4 else mask_v6
    return hash64(ipaddress.ip_network((address, bits), strict=False).network_address.packed, 0)


def draws(random: int) -> Iterator[int]:
    """The number given, then the SplitMix64 sequence that starts at it."""
    return chain([random], (mix((random + GOLDEN * step) % WORD) for step in count(1)))


def below(random: int, n: int) -> int:
    return random * n >> 64


@dataclass
class Server:
    id: str
    weight: int = 1
    eligible: bool = True
    max_connections: int = 0
    active: int = 0
    turn: int | None = None
    """The virtual time of its next turn."""
    latency: float | None = None
    seen_ms: int = 0

    @property
    def full(self) -> bool:
        return 0 < self.max_connections <= self.active

    def latency_at(self, now_ms: int) -> float:
        assert self.latency is not None
        return self.latency * math.exp(-(now_ms - self.seen_ms) / TAU_MS)


@dataclass
class Choice:
    client: str = ""
    random: int = 0
    exclude: tuple[str, ...] = ()
    now_ms: int = 0


@dataclass
class Oracle:
    """One pool. ``may_choose`` names who may be chosen: one server, or several where only rounding tells them apart."""

    algorithm: str
    servers: list[Server]
    mask_v4: int = 32
    mask_v6: int = 64
    turns: int = 0
    virtual_time: int = 0
    now_ms: int = 0
    gone: dict[str, Server] = field(default_factory=dict)
    maglev_table: list[Server] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._settle()

    def _settle(self) -> None:
        """What building and publishing a pool does to the turns and latencies of its servers."""
        for server in self.servers:
            if server.turn is None:
                server.turn = self.virtual_time + self.stride(server) // 2
            server.turn = max(self.virtual_time, min(server.turn, self.virtual_time + self.stride(server)))
        known = [server.latency_at(self.now_ms) for server in self.servers if server.latency is not None]
        for server in self.servers:
            if server.latency is None and known and self.algorithm == "peak-ewma":
                server.latency, server.seen_ms = sum(known) / len(known), self.now_ms
        self.maglev_table = maglev_table(self.eligible()) if self.algorithm == "maglev" and self.eligible() else []

    def update(self, servers: list[Server]) -> None:
        """Servers that stay, or come back while a request still runs on them, keep their live state."""
        known = {server.id: server for server in [*self.gone.values(), *self.servers]}
        for server in servers:
            if old := known.pop(server.id, None):
                server.active, server.turn = old.active, old.turn
                server.latency, server.seen_ms = old.latency, old.seen_ms
        self.gone = {server.id: server for server in known.values() if server.active}
        self.servers = servers
        self._settle()

    def eligible(self) -> list[Server]:
        return [server for server in self.servers if server.eligible]

    def named(self, server_id: str) -> Server:
        return next(server for server in [*self.servers, *self.gone.values()] if server.id == server_id)

    def stride(self, server: Server) -> int:
        if self.algorithm == "weighted-least-connections":
            most = max((server.weight for server in self.eligible()), default=1)
            return max(STRIDE * most // server.weight, 1)
        return STRIDE

    def may_choose(self, choice: Choice) -> list[Server]:
        usable = [server for server in self.eligible() if not server.full and server.id not in choice.exclude]
        if not self.eligible():
            return []
        if not usable:
            # Looking in vain takes turns too.
            list(islice(self.candidates(choice), CANDIDATES))
            return []
        if rank := self.rank():
            return best(usable, rank)
        last = None
        for candidate in islice(self.candidates(choice), CANDIDATES):
            if candidate in usable:
                return [candidate]
            last = candidate
        after = self.servers.index(last) if last else 0
        return [next(server for server in self.servers[after + 1 :] + self.servers[: after + 1] if server in usable)]

    def acquire(self, server: Server) -> None:
        server.active += 1
        assert server.turn is not None
        began = server.turn
        server.turn = max(server.turn, self.virtual_time) + self.stride(server)
        self.virtual_time = max(self.virtual_time, began)

    def release(self, server_id: str, now_ms: int, latency_us: int | None) -> None:
        server = self.named(server_id)
        server.active -= 1
        if not server.active:
            self.gone.pop(server_id, None)
        if latency_us is None or self.algorithm != "peak-ewma":
            return
        self.now_ms = max(self.now_ms, now_ms)
        latency = float(max(latency_us, 1))
        if server.latency is None or latency >= server.latency_at(now_ms):
            server.latency = latency
        else:
            fresh = 1 - math.exp(-(now_ms - server.seen_ms) / TAU_MS)
            server.latency = server.latency_at(now_ms) + latency * fresh
        server.seen_ms = now_ms

    def rank(self) -> Callable[[Server], tuple[object, ...]] | None:
        """What the algorithms that look for the least loaded compare; the last place is that of the configuration."""
        place = {server.id: number for number, server in enumerate(self.servers)}
        ranks: dict[str, Callable[[Server], tuple[object, ...]]] = {
            "least-connections": lambda s: (s.active, s.turn, place[s.id]),
            "weighted-least-connections": lambda s: (Fraction(s.active, s.weight), s.turn, place[s.id]),
            "peak-ewma": lambda s: (*self.peak_cost(s), s.turn, place[s.id]),
        }
        return ranks.get(self.algorithm)

    def peak_cost(self, server: Server) -> tuple[int, float]:
        """Unknown and idle before all known, unknown and busy after them."""
        if server.latency is None:
            return (1, server.active) if server.active else (-1, 0)
        return (0, server.latency_at(self.now_ms) * (server.active + 1))

    def candidates(self, choice: Choice) -> Iterator[Server]:
        """For all others: whom they would take first, second, …"""
        eligible = self.eligible()
        n = len(eligible)
        hashed = client_hash(choice.client, self.mask_v4, self.mask_v6) if choice.client else choice.random
        every: dict[str, Callable[[], Iterator[Server]]] = {
            "round-robin": lambda: (eligible[turn % n] for turn in self.take_turns()),
            "weighted-round-robin": lambda: around(smooth_cycle(eligible), self.take_turns()),
            "random": lambda: (eligible[below(random, n)] for random in draws(choice.random)),
            "weighted-random": lambda: (alias_draw(eligible, random) for random in draws(choice.random)),
            "power-of-two": lambda: (self.better_of_two(eligible, random, choice) for random in draws(choice.random)),
            "source-hash": lambda: (eligible[number % n] for number in draws(hashed)),
            "maglev": lambda: around(self.maglev_table, count(hashed)),
        }
        return every.get(self.algorithm, lambda: iter(()))()

    def take_turns(self) -> Iterator[int]:
        while True:
            self.turns += 1
            yield self.turns - 1

    def better_of_two(self, eligible: list[Server], random: int, choice: Choice) -> Server:
        n = len(eligible)
        first = eligible[below(random, n)]
        if n == 1:
            return first
        second = [server for server in eligible if server is not first][below(mix(random), n - 1)]
        usable = [server for server in (first, second) if not server.full and server.id not in choice.exclude]
        return min(usable or [first], key=lambda server: Fraction(server.active + 1, server.weight))


def best(usable: list[Server], rank: Callable[[Server], tuple[object, ...]]) -> list[Server]:
    """The first by rank, and those that only the rounding of a float tells from it.

    The native code compares logarithms: 1 ms x 4 and 2 ms x 2 may differ there, while equals stay equal.
    """
    first = min(usable, key=rank)

    def may_be_first(server: Server) -> bool:
        a, b = rank(server)[1], rank(first)[1]
        close = isinstance(a, float) and isinstance(b, float) and math.isclose(a, b, rel_tol=1e-9)
        return close and (server.latency, server.active) != (first.latency, first.active)

    return [first, *filter(may_be_first, usable)]


def around(cycle: list[Server], places: Iterable[int]) -> Iterator[Server]:
    return (cycle[place % len(cycle)] for place in places)


def smooth_cycle(servers: list[Server]) -> list[Server]:
    """nginx's smooth weighted round-robin until all credits are zero again."""
    credit = {server.id: 0 for server in servers}
    total = sum(server.weight for server in servers)
    cycle: list[Server] = []
    while not cycle or any(credit.values()):
        for server in servers:
            credit[server.id] += server.weight
        taken = max(servers, key=lambda server: credit[server.id])
        credit[taken.id] -= total
        cycle.append(taken)
    return cycle


def alias_draw(servers: list[Server], random: int) -> Server:
    """Vose's table, made anew for each draw; the lists of small and large columns are stacks."""
    n, total = len(servers), sum(server.weight for server in servers)
    height = [Fraction(server.weight * n, total) for server in servers]
    mark, alias = [Fraction(1)] * n, list(range(n))
    small = [i for i in range(n) if height[i] < 1]
    large = [i for i in range(n) if height[i] >= 1]
    while small:
        low, high = small.pop(), large[-1]
        mark[low], alias[low] = height[low], high
        height[high] -= 1 - height[low]
        if height[high] < 1:
            small.append(large.pop())
    column, at = divmod(random * n, WORD)
    return servers[column] if Fraction(at, WORD) < mark[column] or alias[column] == column else servers[alias[column]]


def maglev_table(servers: list[Server]) -> list[Server]:
    """§3.4 of the paper, with turns by weight: a server takes one whenever its sum passes another largest weight."""
    size = 65_537 if len(servers) * 100 < 65_537 else 655_373
    servers = sorted(servers, key=lambda server: server.id.encode())
    place = {s.id: hash64(s.id.encode(), 1) % size for s in servers}
    skip = {s.id: hash64(s.id.encode(), 2) % (size - 1) + 1 for s in servers}
    return fill(servers, place, skip, size)


def fill(servers: list[Server], place: dict[str, int], skip: dict[str, int], size: int) -> list[Server]:
    table: dict[int, Server] = {}
    for server in weighted_turns(servers):
        while place[server.id] in table:
            place[server.id] = (place[server.id] + skip[server.id]) % size
        table[place[server.id]] = server
        if len(table) == size:
            break
    return [table[number] for number in range(size)]


def weighted_turns(servers: Iterable[Server]) -> Iterator[Server]:
    servers = list(servers)
    largest = max(server.weight for server in servers)
    summed = {server.id: 0 for server in servers}
    while True:
        for server in servers:
            summed[server.id] += server.weight
            if summed[server.id] >= largest:
                summed[server.id] -= largest
                yield server
