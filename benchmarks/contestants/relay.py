"""The floor: ``native/relay.c``. It balances nothing and knows no HTTP; no proxy in user space can cost less."""

from __future__ import annotations

from typing import ClassVar

from benchmarks.contestants.base import Contestant, Running, Work
from benchmarks.load import announced_port
from benchmarks.processes import Room


class Relay(Contestant):
    name: ClassVar[str] = "relay"
    title: ClassVar[str] = "relay (floor)"
    what: ClassVar[str] = "copies bytes between two sockets without reading them: the floor"

    def missing(self) -> str:
        return ""

    def version(self) -> str:
        return "benchmarks/native/relay.c"

    def start(self, work: Work, room: Room) -> Running:
        process = room.start(self.name, room.proxy_core, [room.programs.relay, str(work.origin_port)], talk=True)
        return Running(self.name, announced_port(process), process)
