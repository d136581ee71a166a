"""``steelyard weight``: change a server's share while it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from steelyard.cli.options import ADMIN_DEFAULT, Admin, Json, Target, connect, split_target
from steelyard.cli.output import complain, print_json, say


def weight(
    target: Target,
    value: Annotated[int, typer.Argument(help="The new weight.", metavar="N", min=1, max=1000)],
    admin: Admin = ADMIN_DEFAULT,
    json: Json = False,
) -> None:
    """Change a server's weight. Its health, connections and affinity stay as they are.

    A warning says when the algorithm of the pool does not read weights.
    """
    pool, server = split_target(target)
    with connect(admin) as client:
        now = client.set_weight(pool, server, value)
    if json:
        print_json(now)
    else:
        say(f"{pool}/{server}: weight {now.weight}")
        if now.warning:
            complain(f"warning: {now.warning}")
