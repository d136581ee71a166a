"""State and counters to ``Status``: what a running balancer says of itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import steelyard
from steelyard.config.model import Config
from steelyard.control.eligible import Verdict, judge, warmth
from steelyard.control.reasons import why
from steelyard.control.state import ClusterState, PoolState, ServerState, weight_of
from steelyard.measures import Standing
from steelyard.report import LATENCY_BUCKETS_US, PoolReport, Report, ServerReport, ServiceReport
from steelyard.status import Candidate, PoolStatus, ServerStatus, ServiceStatus, Status

CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")


def status(state: ClusterState, report: Report, now: float, *, uptime: float, file: str | None) -> Status:
    return Status(
        version=steelyard.__version__,
        snapshot=report["version"],
        decided=state.version,
        uptime_s=round(uptime, 3),
        file=file,
        stopping=state.stopping,
        log_dropped=report["log_dropped"],
        services=tuple(_service(name, state, report["services"].get(name)) for name in state.config.services),
        pools=tuple(_pool(pool, report["pools"].get(pool.name), now) for pool in state.pools.values()),
    )


def server_status(pool: PoolState, server: str, counted: ServerReport | None, now: float) -> ServerStatus:
    """One server alone: in a pool of 10,000 its answer does not wait for all the others."""
    return _server(pool, pool.servers[server], judge(pool)[server], counted, now)


def standings(state: ClusterState, now: float) -> tuple[Standing, ...]:
    """Where each server stands, for metrics."""
    return tuple(
        Standing(
            pool.name,
            name,
            server.health.health == "up",
            verdict.eligible,
            server.admin,
            weight_of(server) if server.warming is None else round(weight_of(server) * warmth(pool, server, now), 3),
        )
        for pool in state.pools.values()
        for (name, server), verdict in zip(pool.servers.items(), judge(pool).values(), strict=True)
    )


def candidates(pool: PoolState, now: float) -> tuple[Candidate, ...]:
    verdicts = judge(pool)
    return tuple(
        Candidate(id=name, eligible=verdicts[name].eligible, why=why(pool, server, verdicts[name], now))
        for name, server in pool.servers.items()
    )


def in_force(state: ClusterState) -> Config:
    """The configuration with what was changed at run time."""
    pools = {
        name: pool.config.model_copy(
            update={
                "algorithm": pool.algorithm_now,
                "servers": tuple(
                    server.config.model_copy(update={"weight": weight_of(server)})
                    for server in pool.servers.values()
                    if server.removing is None
                ),
            }
        )
        for name, pool in state.pools.items()
    }
    return state.config.model_copy(update={"pools": pools})


def quantile_ms(histogram: Sequence[int], share: float) -> float | None:
    """The latency that ``share`` of the requests stayed below, in milliseconds, linear inside its bucket; None without
    requests. What is above the last bound is reported as that bound: a histogram knows no more."""
    wanted = share * sum(histogram)
    if not wanted:
        return None
    low, seen = 0, 0
    for count, high in zip(histogram, LATENCY_BUCKETS_US, strict=False):
        if count and seen + count >= wanted:
            return round((low + (high - low) * (wanted - seen) / count) / 1000, 3)
        low, seen = high, seen + count
    return LATENCY_BUCKETS_US[-1] / 1000


def _pool(pool: PoolState, counted: PoolReport | None, now: float) -> PoolStatus:
    verdicts = judge(pool)
    servers: Mapping[str, ServerReport] = counted["servers"] if counted else {}
    return PoolStatus(
        name=pool.name,
        algorithm=pool.algorithm_now,
        queued=counted["queued"] if counted else 0,
        retries=counted["retries"] if counted else 0,
        servers=tuple(
            _server(pool, server, verdicts[name], servers.get(name), now) for name, server in pool.servers.items()
        ),
    )


def _server(
    pool: PoolState, server: ServerState, verdict: Verdict, counted: ServerReport | None, now: float
) -> ServerStatus:
    return ServerStatus(
        id=server.config.id,
        address=server.config.address,
        resolved=server.address,
        health=server.health.health,
        admin=server.admin,
        eligible=verdict.eligible,
        why=why(pool, server, verdict, now),
        drained=server.drained,
        backup=server.config.backup,
        weight=weight_of(server),
        effective_weight=round(weight_of(server) * warmth(pool, server, now), 3),
        max_connections=server.config.max_connections,
        active=counted["active"] if counted else 0,
        requests=counted["requests"] if counted else 0,
        responses=_by_class(counted["responses"] if counted else ()),
        failures={
            "connect": counted["failed_connect"] if counted else 0,
            "reset": counted["failed_reset"] if counted else 0,
            "timeout": counted["failed_timeout"] if counted else 0,
            "protocol": counted["failed_protocol"] if counted else 0,
        },
        latency_p50_ms=quantile_ms(counted["latency"] if counted else (), 0.5),
        latency_p99_ms=quantile_ms(counted["latency"] if counted else (), 0.99),
        last_probe=server.health.note,
    )


def _service(name: str, state: ClusterState, counted: ServiceReport | None) -> ServiceStatus:
    config = state.config.services[name]
    return ServiceStatus(
        name=name,
        mode=config.mode,
        listen=(counted["address"] if counted else "") or config.listen,
        pool=config.pool,
        connections=counted["connections"] if counted else 0,
        requests=counted["requests"] if counted else 0,
        responses=_by_class(counted["responses"] if counted else ()),
        rejected=counted["rejected"] if counted else {},
        bytes_in=counted["bytes_in"] if counted else 0,
        bytes_out=counted["bytes_out"] if counted else 0,
        latency_p50_ms=quantile_ms(counted["latency"] if counted else (), 0.5),
        latency_p99_ms=quantile_ms(counted["latency"] if counted else (), 0.99),
    )


def _by_class(responses: Sequence[int]) -> dict[str, int]:
    return dict(zip(CLASSES, responses or (0,) * len(CLASSES), strict=True))
