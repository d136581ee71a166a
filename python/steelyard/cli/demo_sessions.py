"""``steelyard demo sessions``: three ways to keep users logged in while a server dies.

Only the flags and the ending; the story and its pictures are ``steelyard.demo.sessions``.
"""

from __future__ import annotations

from typing import Annotated

import typer

from steelyard.errors import SteelyardError


def demo_sessions(
    seconds: Annotated[float, typer.Option(min=2.0, help="How long each way is played.", metavar="N")] = 15.0,
    users: Annotated[int, typer.Option(min=3, max=5000, help="How many users log in and click.", metavar="N")] = 500,
    way: Annotated[list[str] | None, typer.Option(help="Play only this way; may be repeated.", metavar="NAME")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the summary, as JSON.")] = False,
) -> None:
    """Keep the users of a shop logged in while one of its servers is killed: each way, what it costs and loses.

    Needs no root; the session server is redis-server where it is installed, otherwise an SQLite file. Exit status 1 if
    a way lost what it promised to keep.
    """
    import asyncio
    import dataclasses
    import json

    from rich.console import Console

    from steelyard.demo.sessions.show import show
    from steelyard.demo.sessions.view import show_results
    from steelyard.demo.sessions.ways import WAYS

    known = [each.name for each in WAYS]
    if unknown := set(way or ()).difference(known):
        raise typer.BadParameter(f"no way {unknown.pop()!r}: expected {', '.join(known)}", param_hint="--way")
    console = Console(stderr=as_json, highlight=False)
    try:
        results, missing = asyncio.run(show(console, seconds, users, way or known, quiet=as_json))
    except SteelyardError as error:
        Console(stderr=True).print(f"steelyard demo sessions: {error}", style="red", markup=False)
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps({"ways": [dataclasses.asdict(result) for result in results], "not_shown": missing}))
    else:
        show_results(console, results, missing)
    raise typer.Exit(0 if results and all(result.kept_its_promise for result in results) else 1)
