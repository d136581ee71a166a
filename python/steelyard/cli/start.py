"""What a balancer says when it is ready: where it listens, who stands behind, where to operate it. Pure."""

from __future__ import annotations

import json

from steelyard.status import PoolStatus, ServiceStatus, Status

_NAMED = 8


def start_block(status: Status, admin: str | None, *, colored: bool = False) -> str:
    """A few lines for people; as many services and pools as there are, but of servers only those that fit a line."""
    bold, plain = ("\x1b[1m", "\x1b[0m") if colored else ("", "")
    lines = [f"{bold}steelyard {status.version}{plain}" + (f"  {status.file}" if status.file else "")]
    width = max((len(service.name) for service in status.services), default=0)
    lines += [f"  service  {service.name:<{width}}  {_reach(service)} -> {service.pool}" for service in status.services]
    width = max((len(pool.name) for pool in status.pools), default=0)
    lines += [f"  pool     {pool.name:<{width}}  {pool.algorithm}: {_members(pool)}" for pool in status.pools]
    lines.append(f"  admin    {'off' if admin is None else f'http://{admin}'}")
    return "\n".join(lines)


def start_json(status: Status, admin: str | None) -> str:
    """One line for programs that start a balancer and want to know its ports."""
    return json.dumps(
        {
            "kind": "started",
            "version": status.version,
            "services": {service.name: service.listen for service in status.services},
            "admin": admin,
        }
    )


def _reach(service: ServiceStatus) -> str:
    return f"{'http' if service.mode == 'proxy' else service.mode}://{service.listen}"


def _members(pool: PoolStatus) -> str:
    if not pool.servers:
        return "no servers yet"
    up = sum(server.health == "up" for server in pool.servers)
    if len(pool.servers) > _NAMED:
        return f"{len(pool.servers):,} servers, {up:,} up"
    return ", ".join(f"{server.id} {server.health}" for server in pool.servers)
