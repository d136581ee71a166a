"""``steelyard remove``: take servers away, drained first."""

from __future__ import annotations

from steelyard.cli.options import ADMIN_DEFAULT, Admin, Json, Targets, connect, split_targets
from steelyard.cli.output import print_json, say


def remove(targets: Targets, admin: Admin = ADMIN_DEFAULT, json: Json = False) -> None:
    """Remove servers. They get no new client from now on, and are gone when their last request has ended."""
    servers = split_targets(targets)
    with connect(admin) as client:
        for pool, server in servers:
            client.remove(pool, server)
            if not json:
                say(f"{pool}/{server}: removed, gone once nothing runs on it")
    if json:
        print_json([{"pool": pool, "server": server} for pool, server in servers])
