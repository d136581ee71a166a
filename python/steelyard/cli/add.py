"""``steelyard add``: more servers in a pool while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from steelyard.cli.options import ADMIN_DEFAULT, Admin, Json, PoolName, connect
from steelyard.cli.output import print_json, say

if TYPE_CHECKING:
    from steelyard.status import ServerStatus


def add(
    pool: PoolName,
    addresses: Annotated[
        list[str], typer.Argument(help="Each HOST:PORT, [V6]:PORT or unix:/PATH.", metavar="ADDRESS...")
    ],
    *,
    id: Annotated[
        str,
        typer.Option(help="The name of a single server; its address when left out.", metavar="NAME"),
    ] = "",
    weight: Annotated[int, typer.Option(help="Its share, relative to the others.", metavar="N", min=1, max=1000)] = 1,
    backup: Annotated[bool, typer.Option("--backup", help="Use it only while no primary server is up.")] = False,
    max_connections: Annotated[
        int, typer.Option(help="At most so many requests at once (0: no limit).", metavar="N", min=0)
    ] = 0,
    admin: Admin = ADMIN_DEFAULT,
    json: Json = False,
) -> None:
    """Add servers to a pool. They are probed first; a reload of the file keeps them unless the file says otherwise.

    The options are those of every server named.
    """
    from steelyard.config.model import Server

    if id and len(addresses) > 1:
        raise typer.BadParameter("one name for several servers: add them one by one", param_hint="--id")
    normal = [_address(text) for text in addresses]
    servers = [
        Server(address=address, id=id, weight=weight, backup=backup, max_connections=max_connections)
        for address in normal
    ]
    added: list[ServerStatus] = []
    with connect(admin) as client:
        for server in servers:
            added.append(client.add(pool, server))
            if not json:
                say(f"{pool}/{added[-1].id}: added, {added[-1].health}")
    if json:
        print_json([{"pool": pool, **server.model_dump(mode="json")} for server in added])


def _address(text: str) -> str:
    from steelyard.config.types import parse_address

    try:
        return parse_address(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: {error}", param_hint="ADDRESS") from None
