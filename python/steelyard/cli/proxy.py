"""``steelyard proxy``: a balancer without any file, for trying things out and for small things that stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from steelyard.cli.options import Json, listen_address

if TYPE_CHECKING:
    from steelyard.config.model import Config


def proxy(
    to: Annotated[
        list[str],
        typer.Option("--to", help="A server, once for each: HOST:PORT, or HOST:PORT=WEIGHT.", metavar="HOST:PORT"),
    ],
    *,
    listen: Annotated[
        str, typer.Option(help="Where clients connect; :8080 is every address.", metavar="ADDRESS")
    ] = "127.0.0.1:8080",
    algorithm: Annotated[str, typer.Option(help="How one server is chosen.", metavar="NAME")] = "",
    probe: Annotated[str, typer.Option(help="tcp, or the /path to ask for, or off.", metavar="tcp|/PATH|off")] = "tcp",
    tcp: Annotated[bool, typer.Option("--tcp", help="Forward any TCP protocol, not HTTP.")] = False,
    log: Annotated[str, typer.Option(help="The access log: off, stdout, stderr or a path.", metavar="TARGET")] = "off",
    admin: Annotated[str, typer.Option(help="Where the admin API listens, or off.", metavar="ADDRESS")] = "",
    threads: Annotated[int, typer.Option(help="Native threads (0: one per core).", metavar="N", min=0, max=256)] = 0,
    json: Json = False,
) -> None:
    """Balance over servers named on the command line.

    steelyard proxy --listen :8080 --to 10.0.0.11:80 --to 10.0.0.12:80=3
    """
    from steelyard.balancer import Balancer
    from steelyard.cli.serve import serve

    listen_on = listen_address(admin) or "127.0.0.1:9900"
    servers = [_server(text) for text in to]
    weighted = any("weight" in server for server in servers)
    pool: dict[str, Any] = {
        "servers": servers,
        "algorithm": algorithm or ("weighted-round-robin" if weighted else "round-robin"),
        "probe": _probe(probe),
    }
    service = {"mode": "tcp" if tcp else "proxy", "listen": listen, "pool": "servers"}
    config = _validated(
        {
            "services": {"proxy": service},
            "pools": {"servers": pool},
            "log": {"access": log, "format": "combined"},
            "process": {"threads": threads},
        }
    )
    raise typer.Exit(serve(Balancer(config), config, admin=listen_on, json=json))


def _server(text: str) -> dict[str, Any]:
    address, equals, weight = text.rpartition("=")
    if not equals:
        return {"address": text}
    if not weight.isdecimal():
        raise typer.BadParameter(f"{text!r}: expected HOST:PORT or HOST:PORT=WEIGHT", param_hint="--to")
    return {"address": address, "weight": int(weight)}


def _probe(text: str) -> dict[str, Any] | None:
    if text.startswith("/"):
        return {"type": "http", "path": text}
    if text in ("tcp", "off"):
        return {"type": "tcp"} if text == "tcp" else None
    raise typer.BadParameter(f"{text!r}: expected tcp, off or a path such as /healthz", param_hint="--probe")


_FLAGS = {"algorithm": "--algorithm", "servers": "--to", "probe": "--probe", "listen": "--listen", "log": "--log"}


def _validated(values: dict[str, Any]) -> Config:
    """The configuration that the flags mean; a wrong value is told by the name of its flag."""
    from pydantic import ValidationError

    from steelyard.config.load import verify
    from steelyard.config.model import Config

    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        flag = next((_FLAGS[str(part)] for part in reversed(fault["loc"]) if part in _FLAGS), "")
        message = fault["msg"].removeprefix("Value error, ")
        raise typer.BadParameter(f"{fault['input']!r}: {message}", param_hint=flag) from None
    return verify(config, "steelyard proxy")
