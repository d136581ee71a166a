"""``steelyard explain``: which server would this client get now, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from steelyard.cli import complete
from steelyard.cli.options import ADMIN_DEFAULT, Admin, Json, connect
from steelyard.cli.output import print_json, say

if TYPE_CHECKING:
    from steelyard.status import Explanation

_SHOWN = 40


def explain(
    name: Annotated[
        str,
        typer.Argument(help="A service or a pool.", metavar="SERVICE|POOL", autocompletion=complete.services_and_pools),
    ],
    client: Annotated[str, typer.Option(help="The client's address.", metavar="ADDRESS")] = "127.0.0.1",
    cookie: Annotated[str, typer.Option(help="The Cookie field it would send.", metavar="'NAME=VALUE'")] = "",
    admin: Admin = ADMIN_DEFAULT,
    json: Json = False,
) -> None:
    """Say which server a client would get now, and why. Nothing is changed by asking."""
    import ipaddress

    try:
        ipaddress.ip_address(client)
    except ValueError:
        raise typer.BadParameter(f"{client!r} is neither an IPv4 nor an IPv6 address", param_hint="--client") from None
    with connect(admin) as balancer:
        services = {service.name for service in balancer.status().services}
        words = {"service": name} if name in services else {"pool": name}
        explanation = balancer.explain(client, cookie, **words)
    if json:
        print_json(explanation)
    else:
        say(sentences(explanation))


def sentences(explanation: Explanation) -> str:
    """The answer first, then why each server could or could not be chosen."""
    chosen = explanation.server or "no server"
    lines = [
        f"{explanation.client} would get {chosen} of pool {explanation.pool} ({explanation.algorithm})",
        f"because {explanation.reason}",
        "",
    ]
    candidates = sorted(explanation.candidates, key=lambda candidate: candidate.id != explanation.server)
    width = max((len(candidate.id) for candidate in candidates[:_SHOWN]), default=0)
    for candidate in candidates[:_SHOWN]:
        mark = ">" if candidate.id == explanation.server else " "
        state = "eligible    " if candidate.eligible else "not eligible"
        lines.append(f"{mark} {candidate.id:<{width}}  {state}  {candidate.why}".rstrip())
    if len(candidates) > _SHOWN:
        lines.append(f"  … and {len(candidates) - _SHOWN:,} more (--json shows all)")
    return "\n".join(lines)
