"""What the shell offers after TAB: the names that the running balancer knows. Says nothing where it cannot know."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import typer

from steelyard.errors import SteelyardError

if TYPE_CHECKING:
    from steelyard.status import Status


def servers(ctx: typer.Context, incomplete: str) -> list[str]:
    status = _status(ctx)
    names = [f"{pool.name}/{server.id}" for pool in status.pools for server in pool.servers] if status else []
    return [name for name in names if name.startswith(incomplete)]


def pools(ctx: typer.Context, incomplete: str) -> list[str]:
    status = _status(ctx)
    return [pool.name for pool in status.pools if pool.name.startswith(incomplete)] if status else []


def services_and_pools(ctx: typer.Context, incomplete: str) -> list[str]:
    status = _status(ctx)
    if status is None:
        return []
    names = {service.name for service in status.services} | {pool.name for pool in status.pools}
    return sorted(name for name in names if name.startswith(incomplete))


def algorithms(incomplete: str) -> list[str]:
    from typing import get_args

    from steelyard.config.model import Algorithm

    return [name for name in get_args(Algorithm) if name.startswith(incomplete)]


def _status(ctx: typer.Context) -> Status | None:
    from steelyard.admin.client import DEFAULT_ADDRESS, AdminClient

    address = ctx.params.get("admin") or os.environ.get("STEELYARD_ADMIN") or DEFAULT_ADDRESS
    try:
        with AdminClient(address) as client:
            return client.status()
    except SteelyardError:
        return None
