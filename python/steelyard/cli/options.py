"""Options and arguments that several commands share, so that they are spelled and explained alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from steelyard.cli import complete

if TYPE_CHECKING:
    from steelyard.admin.client import AdminClient

Admin = Annotated[
    str, typer.Option("--admin", envvar="STEELYARD_ADMIN", help="The admin API of the balancer.", metavar="ADDRESS")
]
ADMIN_DEFAULT = "127.0.0.1:9900"
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Target = Annotated[
    str,
    typer.Argument(help="A pool and one of its servers.", metavar="POOL/SERVER", autocompletion=complete.servers),
]
Targets = Annotated[
    list[str],
    typer.Argument(
        help="Servers, as POOL/SERVER… or POOL SERVER….", metavar="POOL/SERVER...", autocompletion=complete.servers
    ),
]
PoolName = Annotated[str, typer.Argument(help="The pool.", metavar="POOL", autocompletion=complete.pools)]


def connect(admin: str) -> AdminClient:
    """A client of the admin API; imported only here, because it costs a command most of its start."""
    from steelyard.admin.client import AdminClient

    return AdminClient(admin)


def split_target(target: str) -> tuple[str, str]:
    """``POOL/SERVER``; a server's id may hold slashes of its own."""
    pool, slash, server = target.partition("/")
    if not (pool and slash and server):
        raise typer.BadParameter(f"{target!r}: expected POOL/SERVER, such as web/a", param_hint="POOL/SERVER")
    return pool, server


def split_targets(targets: list[str]) -> list[tuple[str, str]]:
    """``POOL/SERVER…``, or ``POOL SERVER…`` when the first word names a pool alone."""
    if len(targets) > 1 and "/" not in targets[0]:
        return [(targets[0], server) for server in targets[1:]]
    return [split_target(target) for target in targets]


def listen_address(admin: str) -> str:
    """The flag ``--admin``: empty, ``off`` or where to listen, in its normal form."""
    from steelyard.config.types import parse_listen_address

    if admin in ("", "off"):
        return admin
    try:
        return parse_listen_address(admin)
    except ValueError as error:
        raise typer.BadParameter(f"{admin!r}: {error}, or off", param_hint="--admin") from None
