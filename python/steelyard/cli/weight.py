"""``steelyard weight``: change a server's share while it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from steelyard.cli.options import ADMIN_DEFAULT, Admin, Json, Target, connect, split_target
from steelyard.cli.output import print_json, say


def weight(
    target: Target,
    value: Annotated[int, typer.Argument(help="The new weight.", metavar="N", min=1, max=1000)],
    admin: Admin = ADMIN_DEFAULT,
    json: Json = False,
) -> None:
    """Change a server's weight. Its health, connections and affinity stay as they are."""
    pool, server = split_target(target)
    with connect(admin) as client:
        now = client.set_weight(pool, server, value)
    if json:
        print_json(now)
    else:
        say(f"{pool}/{server}: weight {now.weight}")
