"""``steelyard algorithm``: change how a pool chooses while it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from steelyard.cli import complete
from steelyard.cli.options import ADMIN_DEFAULT, Admin, Json, PoolName, connect
from steelyard.cli.output import print_json, say


def algorithm(
    pool: PoolName,
    name: Annotated[
        str, typer.Argument(help="The algorithm, such as maglev.", metavar="NAME", autocompletion=complete.algorithms)
    ],
    admin: Admin = ADMIN_DEFAULT,
    json: Json = False,
) -> None:
    """Change a pool's algorithm. Connections, health and affinity stay as they are."""
    _check(name)
    with connect(admin) as client:
        now = client.set_algorithm(pool, name)
    if json:
        print_json({"pool": now.name, "algorithm": now.algorithm})
    else:
        say(f"{pool}: {now.algorithm}")


def _check(name: str) -> None:
    from difflib import get_close_matches
    from typing import get_args

    from steelyard.config.model import Algorithm

    names = get_args(Algorithm)
    if name not in names:
        near = get_close_matches(name, names, n=1)
        cure = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
        raise typer.BadParameter(f"no algorithm is called {name!r}; {cure}", param_hint="NAME")
