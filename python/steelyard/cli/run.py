"""``steelyard run FILE``: a balancer from a configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from steelyard.cli.options import Json, listen_address


def run(
    file: Annotated[Path, typer.Argument(help="The configuration.", metavar="FILE")],
    admin: Annotated[
        str, typer.Option(help="Where the admin API listens, instead of what the file says; or off.", metavar="ADDRESS")
    ] = "",
    watch: Annotated[bool, typer.Option("--watch", help="Reload when the file changes.")] = False,
    threads: Annotated[
        int | None,
        typer.Option(
            help="Native threads, instead of what the file says (0: one per core).", metavar="N", min=0, max=256
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Run a balancer until SIGTERM or Ctrl-C; SIGHUP reloads the file, SIGUSR1 reopens the access log."""
    from steelyard.config.load import load

    config = load(file)
    changed: dict[str, object] = {}
    if watch:
        changed["watch"] = True
    if threads is not None:
        changed["threads"] = threads
    config = config.model_copy(update={"process": config.process.model_copy(update=changed)})
    from steelyard.cli.serve import serve

    raise typer.Exit(serve(config, file=file, admin=listen_address(admin) or config.admin.listen, json=json))
