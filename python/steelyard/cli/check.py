"""``steelyard check FILE``: is this configuration usable? Nothing is started, no address is opened."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from steelyard.cli.options import Json


def check(
    file: Annotated[Path, typer.Argument(help="The configuration.", metavar="FILE")],
    json: Json = False,
) -> None:
    """Say everything that is wrong with a file.

    Each fault with its line and what was probably meant; exit status 2 when there are errors, 0 for warnings alone.
    """
    from steelyard.cli.output import colors, print_json, say
    from steelyard.config.load import inspect
    from steelyard.config.render import as_json, render

    config, problems = inspect(file)
    if json:
        print_json({"usable": config is not None, "problems": as_json(problems)})
    elif problems:
        say(render(problems, color=colors(sys.stdout)))
    if config is None:
        raise typer.Exit(2)
    if not json:
        services, pools = len(config.services), len(config.pools)
        servers = sum(len(pool.servers) for pool in config.pools.values())
        say(f"{file}: usable: {count(services, 'service')}, {count(pools, 'pool')}, {count(servers, 'server')}")


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
