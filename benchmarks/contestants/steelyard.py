"""Us: the command that users run, with its Python part (probes, admin API, metrics) on the same core as its traffic."""

from __future__ import annotations

import contextlib
import http.client
import json
import sys
import time
from pathlib import Path
from typing import ClassVar

from benchmarks.contestants.base import Contestant, Running, Work
from benchmarks.machine import first_line
from benchmarks.processes import Room, free_port, wait_until

CONFIG = """\
[process]
threads = 1

[admin]
listen = "{control}"

[log]
access = "{log}"
format = "combined"

[services.web]
mode = "proxy"
listen = "127.0.0.1:{port}"
pool = "pool"
timeouts = {{ idle = "1h", upstream_idle = "1h" }}

[pools.pool]
algorithm = "round-robin"
{probe}
servers = [
{servers}
]
"""
PROBE = 'probe = { type = "http", path = "/", interval = "2s", timeout = "1s", rise = 2, fall = 3 }'


def command() -> Path:
    """The command of the environment that runs the benchmark."""
    return Path(sys.executable).parent / "steelyard"


def connects(admin: http.client.HTTPConnection) -> bool:
    """The listeners of the services open before that of the admin API."""
    try:
        admin.connect()
    except ConnectionRefusedError:
        return False
    return True


class Steelyard(Contestant):
    name: ClassVar[str] = "steelyard"
    title: ClassVar[str] = "Steelyard"
    what: ClassVar[str] = "this package, one native thread"

    def missing(self) -> str:
        return "" if command().exists() else f"not built: {command()} is not there (make bench builds it)"

    def version(self) -> str:
        return first_line([str(command()), "--version"])

    def start(self, work: Work, room: Room) -> Running:
        port, control = free_port(), f"127.0.0.1:{free_port()}"
        log = room.directory / "steelyard.access.log" if work.logs else None
        config = room.directory / "steelyard.toml"
        config.write_text(
            CONFIG.format(
                control=control,
                log=log or "off",
                port=port,
                probe=PROBE if work.probes else "",
                servers="\n".join(
                    f'  {{ id = "s{n}", address = "{address}" }},' for n, address in enumerate(work.addresses())
                ),
            )
        )
        process = room.start(self.name, room.proxy_core, [command(), "run", config, "--admin", control])
        return Running(self.name, port, process, log, control)

    def change_weight(self, one: Running, weight: int) -> float | None:
        """By the admin API, as the command does."""
        with contextlib.closing(http.client.HTTPConnection(one.control, timeout=30)) as admin:
            wait_until(lambda: connects(admin), f"{self.title}'s admin API on {one.control}")
            begun = time.perf_counter()
            admin.request(
                "PUT",
                "/v1/pools/pool/servers/s0/weight",
                json.dumps({"weight": weight}),
                {"Content-Type": "application/json"},
            )
            answer = admin.getresponse()
            body = answer.read().decode()
            seconds = time.perf_counter() - begun
        if answer.status != 200:
            raise RuntimeError(f"Steelyard refused the weight: {answer.status} {body}")
        return seconds
