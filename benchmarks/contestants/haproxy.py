"""HAProxy, one thread, idle upstream connections shared by all clients, splice for large bodies.

Its log goes to a file by ``log stdout``: of the ways it has (a datagram to a syslog socket, a ring forwarded over TCP,
a descriptor), the descriptor and the ring cost it least; the datagram costs about a fifth more.
"""

from __future__ import annotations

import socket
import time
from typing import ClassVar

from benchmarks.contestants.base import Contestant, Running, Work, in_path
from benchmarks.machine import first_line
from benchmarks.processes import Room, free_port

CONFIG = """\
global
  nbthread 1
  maxconn 12000
  no strict-limits
  stats socket {control} mode 600 level admin
{log_global}
defaults
  mode http
  timeout connect 3s
  timeout client 1h
  timeout server 1h
  timeout http-keep-alive 1h
  option forwardfor
  http-reuse always
{log_defaults}{splice}
frontend clients
  bind 127.0.0.1:{port} backlog 4096
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
{metrics}
  default_backend pool
backend pool
  balance {algorithm}
{check}
{servers}
"""
METRICS = "  http-request use-service prometheus-exporter if { path /.metrics }"
CHECK = "  option httpchk GET /\n  default-server check inter 2s rise 2 fall 3"


class Haproxy(Contestant):
    name: ClassVar[str] = "haproxy"
    title: ClassVar[str] = "HAProxy"
    what: ClassVar[str] = "Debian package, one thread, http-reuse always, splice for large bodies"

    def missing(self) -> str:
        return "" if in_path("haproxy") else "not installed (Debian: haproxy)"

    def version(self) -> str:
        return " ".join(first_line([in_path("haproxy"), "-v"]).split()[:3])

    def start(self, work: Work, room: Room) -> Running:
        port = free_port()
        log = room.directory / "haproxy.access.log" if work.logs else None
        config = room.directory / "haproxy.cfg"
        control = room.directory / "haproxy.sock"
        config.write_text(
            CONFIG.format(
                control=control,
                log_global="  log stdout format raw local0" if log else "",
                log_defaults="  log global\n  option httplog\n" if log else "",
                splice="  option splice-response\n" if work.large_bodies else "",
                port=port,
                metrics=METRICS if work.probes else "",
                # Its manual: "roundrobin" is limited to 4095 servers.
                algorithm="roundrobin" if work.servers <= 4095 else "random",
                check=CHECK if work.probes else "",
                servers="\n".join(f"  server s{n} {address}" for n, address in enumerate(work.addresses())),
            )
        )
        process = room.start(self.name, room.proxy_core, [in_path("haproxy"), "-db", "-f", config], stdout=log)
        return Running(self.name, port, process, log, str(control))

    def change_weight(self, one: Running, weight: int) -> float | None:
        with socket.socket(socket.AF_UNIX) as control:
            begun = time.perf_counter()
            control.connect(one.control)
            control.sendall(f"set server pool/s0 weight {weight}\n".encode())
            answer = control.recv(4096).decode().strip()  # an empty line is consent; it closes after each command
            seconds = time.perf_counter() - begun
        if answer:
            raise RuntimeError(f"HAProxy refused the weight: {answer}")
        return seconds
