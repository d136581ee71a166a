"""docs/commands.md, made from the commands themselves: ``python -m steelyard.cli.document`` prints it."""

from __future__ import annotations

import inspect
from typing import Any

import typer

from steelyard.cli.app import COMMANDS, app

_INTRODUCTION = """\
# Commands

Every command has `--help`. Those that speak to a running balancer find its admin API by `--admin`, `STEELYARD_ADMIN`
or the default 127.0.0.1:9900, and take its token from `STEELYARD_TOKEN`. `--json` prints the same for programs.
Colours are left out where the output is no terminal or `NO_COLOR` is set.

Exit status: 0, 1 (it failed; one sentence on stderr says why), 2 (wrong usage or a configuration with faults).
`steelyard --install-completion` completes commands and options in your shell.

This page is generated: `python -m steelyard.cli.document > docs/commands.md`.
"""


def document() -> str:
    group: Any = typer.main.get_command(app)
    named = [(name, group.get_command(None, name)) for name in group.list_commands(None) if name in COMMANDS]
    sections = [_section(*part) for name, command in named for part in _with_its_own(name, command)]
    return "\n".join([_INTRODUCTION, *sections])


def _with_its_own(name: str, command: Any) -> list[tuple[str, Any]]:
    """A command, and the commands below it."""
    below = getattr(command, "commands", {})
    return [(name, command), *((f"{name} {word}", lower) for word, lower in below.items())]


def _section(name: str, command: Any) -> str:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    usage = " ".join([f"steelyard {name}", *(parameter.metavar or parameter.name.upper() for parameter in arguments)])
    lines = [f"## `{usage}`", "", inspect.cleandoc(command.help or ""), ""]
    lines += ["| | meaning | default |", "|---|---|---|"] if arguments or options else []
    lines += [f"| `{_cell(parameter.metavar)}` | {_cell(parameter.help)} | |" for parameter in arguments]
    lines += [_option(parameter) for parameter in options]
    return "\n".join([*lines, ""]) if lines[-1] else "\n".join(lines)


def _option(option: Any) -> str:
    spelled = " ".join(filter(None, (", ".join(option.opts), option.metavar)))
    default = "" if option.is_flag or option.required or option.default in ("", None) else f"`{option.default}`"
    if option.required:
        default = "required"
    return f"| `{_cell(spelled)}` | {_cell(option.help)} | {default} |"


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|")


if __name__ == "__main__":
    print(document(), end="")
