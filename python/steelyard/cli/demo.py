"""``steelyard demo``: three servers of unequal speed, a load, and a server that dies and comes back.

Only the flags and the ending; the story and its pictures are ``steelyard.demo``, loaded when it is played.
"""

from __future__ import annotations

from typing import Annotated

import typer

from steelyard.cli.demo_sessions import demo_sessions
from steelyard.errors import SteelyardError

demo = typer.Typer(name="demo", add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
demo.command("sessions")(demo_sessions)


@demo.callback(invoke_without_command=True)
def play(
    context: typer.Context,
    seconds: Annotated[
        float | None, typer.Option(min=1.0, help="End after this time; without it, on Ctrl-C.", metavar="N")
    ] = None,
    algorithm: Annotated[str, typer.Option(help="How a server is chosen.", metavar="NAME")] = "least-connections",
    clients: Annotated[int, typer.Option(min=1, max=1000, help="How many clients click.", metavar="N")] = 24,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the summary, as JSON.")] = False,
) -> None:
    """Run three servers of unequal speed, balance a load over them, kill one and revive it.

    Needs no root and nothing else installed. Exit status 1 if any request failed.
    """
    if context.invoked_subcommand is not None:
        return
    import asyncio
    import dataclasses
    import json
    from typing import get_args

    from rich.console import Console

    from steelyard.config.model import Algorithm
    from steelyard.demo.show import show
    from steelyard.demo.view import show_summary

    if algorithm not in get_args(Algorithm):
        raise typer.BadParameter(f"expected one of {', '.join(get_args(Algorithm))}", param_hint="--algorithm")
    console = Console(stderr=as_json, highlight=False)
    try:
        summary = asyncio.run(show(console, seconds, algorithm, clients, quiet=as_json))
    except SteelyardError as error:
        Console(stderr=True).print(f"steelyard demo: {error}", style="red", markup=False)
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps(dataclasses.asdict(summary)))
    else:
        show_summary(console, summary)
    raise typer.Exit(0 if summary.succeeded else 1)
