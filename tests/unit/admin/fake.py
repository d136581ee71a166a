"""A balancer without planes, for the tests of what stands in front of it: the same verbs, kept in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from steelyard.balancer import Balancer
from steelyard.config.diff import Changes
from steelyard.config.model import Config, Server
from steelyard.control.nearest import unknown
from steelyard.errors import Refused
from steelyard.measures import Measures, Standing
from steelyard.report import LATENCY_BUCKETS_US, Report, ServerReport, ServiceReport
from steelyard.status import Candidate, Event, Explanation, PoolStatus, ServerStatus, ServiceStatus, Status

BUCKETS = len(LATENCY_BUCKETS_US) + 1


def server_status(name: str, **changed: Any) -> ServerStatus:
    values: dict[str, Any] = {
        "id": name,
        "address": "10.0.0.1:80",
        "resolved": "10.0.0.1:80",
        "health": "up",
        "admin": "ready",
        "eligible": True,
        "why": "up",
        "drained": False,
        "backup": False,
        "weight": 1,
        "effective_weight": 1.0,
        "max_connections": 0,
        "active": 0,
        "requests": 0,
        "responses": {},
        "failures": {},
        "latency_p50_ms": None,
        "latency_p99_ms": None,
        "last_probe": "",
    }
    return ServerStatus(**{**values, **changed})


def service_status(**changed: Any) -> ServiceStatus:
    values: dict[str, Any] = {
        "name": "www",
        "mode": "proxy",
        "listen": "127.0.0.1:8080",
        "pool": "web",
        "connections": 2,
        "requests": 10,
        "responses": {"2xx": 10},
        "rejected": {},
        "bytes_in": 0,
        "bytes_out": 0,
        "latency_p50_ms": 1.0,
        "latency_p99_ms": 2.0,
    }
    return ServiceStatus(**{**values, **changed})


def make_status(servers: tuple[ServerStatus, ...], **changed: Any) -> Status:
    pool = PoolStatus(name="web", algorithm="round-robin", queued=0, retries=0, servers=servers)
    values: dict[str, Any] = {
        "version": "0.1.0",
        "snapshot": 1,
        "decided": 1,
        "uptime_s": 5.0,
        "file": None,
        "stopping": False,
        "log_dropped": 0,
        "services": (service_status(),),
        "pools": (pool,),
    }
    return Status(**{**values, **changed})


def server_report(requests: int = 0) -> ServerReport:
    return {
        "active": 0,
        "requests": requests,
        "responses": [0, requests, 0, 0, 0],
        "connects": min(requests, 1),
        "reused": max(requests - 1, 0),
        "failed_connect": 0,
        "failed_reset": 0,
        "failed_timeout": 0,
        "failed_protocol": 0,
        "bytes_in": 0,
        "bytes_out": 0,
        "latency": [requests, *[0] * (BUCKETS - 1)] if requests else [],
        "latency_sum_us": 40 * requests,
        "ewma_us": 0,
    }


def service_report(requests: int = 0, **changed: Any) -> ServiceReport:
    values: dict[str, Any] = {
        "address": "127.0.0.1:8080",
        "connections": 0,
        "accepted": requests,
        "requests": requests,
        "responses": [0, requests, 0, 0, 0],
        "bytes_in": 0,
        "bytes_out": 0,
        "upgraded": 0,
        "rejected": {},
        "latency": [0] * BUCKETS,
        "latency_sum_us": 0,
    }
    return {**values, **changed}  # type: ignore[typeddict-item]


class FakeBalancer(Balancer):
    """Pool ``web`` with servers ``a`` and ``b``; ``tell`` lets something happen."""

    def __init__(self) -> None:
        self.servers = {"a": server_status("a"), "b": server_status("b")}
        self.algorithm = "round-robin"
        self.listeners: list[asyncio.Queue[Event | None]] = []
        self.stopping = False
        self.fails_with: Exception | None = None

    @property
    def config(self) -> Config:
        return Config.model_validate(
            {
                "services": {"www": {"mode": "proxy", "listen": "127.0.0.1:0", "pool": "web"}},
                "pools": {"web": {"servers": [{"id": "a", "address": "10.0.0.1:80"}]}},
                "admin": {"token": {"env": "STEELYARD_SECRET"}},
            }
        )

    async def status(self) -> Status:
        pool = PoolStatus(
            name="web", algorithm=self.algorithm, queued=0, retries=0, servers=tuple(self.servers.values())
        )
        return make_status((), pools=(pool,), stopping=self.stopping)

    async def server(self, pool: str, server: str) -> ServerStatus:
        self._find(pool, server)
        return self.servers[server]

    async def report(self) -> Report:
        return {
            "version": 1,
            "log_written": 0,
            "log_dropped": 0,
            "services": {"www": service_report(10)},
            "pools": {
                "web": {
                    "queued": 0,
                    "queued_total": 0,
                    "queue_timeouts": 0,
                    "queue_refused": 0,
                    "retries": 0,
                    "retries_refused": 0,
                    "servers": {"a": server_report(10), "b": server_report()},
                }
            },
        }

    async def measures(self) -> Measures:
        servers = [
            Standing("web", server.id, server.health == "up", server.eligible, server.admin, server.effective_weight)
            for server in self.servers.values()
        ]
        return Measures(uptime_s=5.0, report=await self.report(), servers=servers, events={}, health_changes={})

    async def explain(self, pool: str, client: str, cookie: str = "") -> Explanation:
        self._find(pool)
        candidates = tuple(
            Candidate(id=server.id, eligible=server.eligible, why=server.why) for server in self.servers.values()
        )
        reason = f"its turn (cookie {cookie!r})" if cookie else "its turn"
        return Explanation(
            pool=pool, algorithm=self.algorithm, client=client, server="a", reason=reason, candidates=candidates
        )

    async def events(self) -> AsyncIterator[Event]:
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self.listeners.append(queue)
        while (event := await queue.get()) is not None:
            yield event

    def tell(self, event: Event | None) -> None:
        for queue in self.listeners:
            queue.put_nowait(event)

    async def ready(self, pool: str, server: str) -> None:
        self._set(pool, server, admin="ready", eligible=True)

    async def drain(self, pool: str, server: str) -> None:
        self._set(pool, server, admin="drain", eligible=False, drained=True)

    async def maintenance(self, pool: str, server: str) -> None:
        self._set(pool, server, admin="maintenance", eligible=False, drained=True)

    def algorithm_of(self, pool: str) -> Any:
        return self.algorithm

    async def set_weight(self, pool: str, server: str, weight: int) -> None:
        self._set(pool, server, weight=weight, effective_weight=float(weight))

    async def add_server(self, pool: str, server: Server) -> None:
        self._find(pool)
        name = server.id or server.address
        if name in self.servers:
            raise Refused(f"pool {pool!r} has a server {name!r} already: remove it first or give another id")
        self.servers[name] = server_status(name, address=server.address, weight=server.weight, health="unknown")

    async def remove_server(self, pool: str, server: str) -> None:
        self._find(pool, server)
        del self.servers[server]

    async def set_algorithm(self, pool: str, algorithm: str) -> None:
        self._find(pool)
        self.algorithm = algorithm

    async def reload(self, config: Config | None = None) -> Any:
        if self.fails_with:
            raise self.fails_with
        return Changes(pools_added=("api",))

    def _set(self, pool: str, server: str, **changed: Any) -> None:
        self._find(pool, server)
        self.servers[server] = self.servers[server].model_copy(update=changed)

    def _find(self, pool: str, server: str = "a") -> None:
        if pool != "web":
            raise unknown("pool", pool, ["web"])
        if server not in self.servers:
            raise unknown("server of pool 'web'", server, self.servers)
