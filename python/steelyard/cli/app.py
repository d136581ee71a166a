"""The table of commands, each loaded only when it is called, and how every one of them ends.

Exit status: 0, 1 (it failed), 2 (usage or configuration).
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from steelyard import __version__
from steelyard.errors import ConfigError, SteelyardError

COMMANDS: Final = {
    "run": "steelyard.cli.run:run",
    "check": "steelyard.cli.check:check",
    "proxy": "steelyard.cli.proxy:proxy",
    "demo": "steelyard.cli.demo:demo",
    "status": "steelyard.cli.status:status",
    "events": "steelyard.cli.events:events",
    "explain": "steelyard.cli.explain:explain",
    "drain": "steelyard.cli.drain:drain",
    "ready": "steelyard.cli.ready:ready",
    "maintenance": "steelyard.cli.maintenance:maintenance",
    "weight": "steelyard.cli.weight:weight",
    "algorithm": "steelyard.cli.algorithm:algorithm",
    "add": "steelyard.cli.add:add",
    "remove": "steelyard.cli.remove:remove",
    "reload": "steelyard.cli.reload:reload",
    "schema": "steelyard.cli.schema:schema",
}


class Commands(TyperGroup):
    """Finds a command in the table and imports its file only then: the help is quick, and so is each command."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for name, place in COMMANDS.items() if find_spec(place.partition(":")[0])]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.list_commands(ctx):
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(module), name)
        if isinstance(found, typer.Typer):  # a command with commands of its own
            return typer.main.get_command(found)
        alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        alone.command(name=cmd_name)(found)
        return typer.main.get_command(alone)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"steelyard {__version__}")
        raise typer.Exit


@app.callback()
def steelyard(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """A load balancer for Python people. Python decides; native code moves.

    Start one with `steelyard run FILE`, or without any file: `steelyard proxy --listen :8080 --to HOST:PORT`.
    The other commands speak to a running one through its admin API (--admin, STEELYARD_ADMIN, 127.0.0.1:9900).
    """


def run() -> None:
    try:
        app(prog_name="steelyard")
    except ConfigError as error:
        _tell_program(error)
        _print_problems(error)
        sys.exit(2)
    except SteelyardError as error:
        _tell_program(error)
        print(f"steelyard: {error}", file=sys.stderr)
        sys.exit(2 if getattr(error, "status", 0) == 422 else 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader, such as `head`, had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _tell_program(error: SteelyardError) -> None:
    """With ``--json`` a failure is an object on stdout too; but where that is the access log's, only stderr has it."""
    if "--json" in sys.argv[1:] and not {"run", "proxy"} & set(sys.argv[1:2]):
        from steelyard.cli.output import print_json, problem

        print_json(problem(error))


def _print_problems(error: ConfigError) -> None:
    from steelyard.cli.output import colors
    from steelyard.config.render import render

    print(render(error.problems, color=colors(sys.stderr)), file=sys.stderr)
