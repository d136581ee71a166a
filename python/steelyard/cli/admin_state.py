"""What ``drain``, ``ready`` and ``maintenance`` share: set the admin state, say what it is now, wait if asked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from steelyard.cli.options import connect, split_targets
from steelyard.cli.output import print_json, say
from steelyard.errors import SteelyardError

if TYPE_CHECKING:
    from steelyard.admin.client import AdminClient
    from steelyard.status import AdminState, ServerStatus

_POLL_S = 0.1


def change(admin: str, targets: list[str], state: AdminState, *, json: bool, wait_s: float | None = None) -> None:
    """``wait_s``: how long to wait for ``drained``; None: do not wait."""
    servers = split_targets(targets)
    with connect(admin) as client:
        results = [(pool, client.set_admin_state(pool, server, state)) for pool, server in servers]
        if wait_s is not None:
            deadline = time.monotonic() + wait_s
            results = [(pool, _drained(client, pool, server, deadline)) for pool, server in results]
    if json:
        print_json([{"pool": pool, **server.model_dump(mode="json")} for pool, server in results])
        return
    for pool, server in results:
        say(f"{pool}/{server.id}: {_sentence(server)}")


def _drained(client: AdminClient, pool: str, server: ServerStatus, deadline: float) -> ServerStatus:
    while not server.drained:
        if time.monotonic() > deadline:
            raise SteelyardError(
                f"{pool}/{server.id} is draining but not drained: {server.active} still run. Wait longer, or "
                f"end it with `steelyard maintenance {pool}/{server.id}`"
            )
        time.sleep(_POLL_S)
        server = client.server(pool, server.id)
    return server


def _sentence(server: ServerStatus) -> str:
    if server.admin == "ready":
        return f"ready, {server.health}"
    if server.drained:
        return f"{server.admin}, drained: nothing runs on it"
    return f"{server.admin}, {server.active} still running"
