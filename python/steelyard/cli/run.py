"""``steelyard run FILE``: a balancer from a configuration file."""

from __future__ import annotations

import sys
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from steelyard.cli.options import Json, listen_address
from steelyard.errors import ConfigError

if TYPE_CHECKING:
    from steelyard.config.model import Config


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
    """Run a balancer from a file, until SIGTERM or Ctrl-C.

    SIGHUP reads the file again, SIGUSR1 opens the access log again; a second Ctrl-C ends at once.
    """
    changed: dict[str, object] = {"watch": True} if watch else {}
    if threads is not None:
        changed["threads"] = threads

    def adjust(config: Config) -> Config:
        """The flags stand above the file, at every reload too."""
        return config.model_copy(update={"process": config.process.model_copy(update=changed)})

    config = adjust(_read(file, json=json))
    from steelyard.balancer import Balancer  # only now: a file with faults is refused in half the time
    from steelyard.cli.serve import serve

    balancer = Balancer(config, file=file, adjust=adjust)
    raise typer.Exit(serve(balancer, config, admin=listen_address(admin) or config.admin.listen, json=json))


def _read(file: Path, *, json: bool) -> Config:
    """The configuration; what is probably not meant is told, and does not keep it from starting."""
    from steelyard.cli.output import colors
    from steelyard.config.load import inspect
    from steelyard.config.render import as_json, render

    config, problems = inspect(file)
    if config is None:
        raise ConfigError(problems)
    if json:
        for problem in as_json(problems):
            print(dumps({"kind": "warning", **problem}), file=sys.stderr)
    elif problems:
        print(render(problems, color=colors(sys.stderr)), end="\n\n", file=sys.stderr)
    return config
