"""``steelyard drain``: send a server no new clients, let the others finish."""

from __future__ import annotations

from typing import Annotated

import typer

from steelyard.cli.admin_state import change
from steelyard.cli.options import ADMIN_DEFAULT, Admin, Json, Targets


def drain(
    targets: Targets,
    wait: Annotated[bool, typer.Option("--wait", help="Return only when nothing runs on it any more.")] = False,
    timeout: Annotated[
        float, typer.Option(help="With --wait: give up after so many seconds (0: never).", metavar="SECONDS")
    ] = 0,
    admin: Admin = ADMIN_DEFAULT,
    json: Json = False,
) -> None:
    """Send servers no new clients. Clients that affinity bound to them stay until they end."""
    change(admin, targets, "drain", json=json, wait_s=(timeout or float("inf")) if wait else None)
