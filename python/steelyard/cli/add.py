"""``steelyard add``: one more server in a pool while it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from steelyard.cli.options import ADMIN_DEFAULT, Admin, Json, PoolName, connect
from steelyard.cli.output import print_json, say


def add(
    pool: PoolName,
    address: Annotated[str, typer.Argument(help="HOST:PORT, [V6]:PORT or unix:/PATH.", metavar="ADDRESS")],
    *,
    id: Annotated[str, typer.Option(help="Its name in the pool; the address when left out.", metavar="NAME")] = "",
    weight: Annotated[int, typer.Option(help="Its share, relative to the others.", metavar="N", min=1, max=1000)] = 1,
    backup: Annotated[bool, typer.Option("--backup", help="Use it only while no primary server is up.")] = False,
    max_connections: Annotated[
        int, typer.Option(help="At most so many requests at once (0: no limit).", metavar="N", min=0)
    ] = 0,
    admin: Admin = ADMIN_DEFAULT,
    json: Json = False,
) -> None:
    """Add a server to a pool. It is probed first; a reload of the file keeps it unless the file says otherwise."""
    from steelyard.config.model import Server
    from steelyard.config.types import parse_address

    try:
        address = parse_address(address)
    except ValueError as error:
        raise typer.BadParameter(f"{address!r}: {error}", param_hint="ADDRESS") from None
    server = Server(address=address, id=id, weight=weight, backup=backup, max_connections=max_connections)
    with connect(admin) as client:
        added = client.add(pool, server)
    if json:
        print_json(added)
    else:
        say(f"{pool}/{added.id}: added, {added.health}")
