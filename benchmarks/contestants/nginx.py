"""nginx, as its documentation advises for a keep-alive reverse proxy: one worker, pooled upstream connections.

The free version has no active health checks, so it is spared that work; ``stub_status`` stands for its metrics.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from benchmarks.contestants.base import Contestant, Running, Work, in_path
from benchmarks.machine import first_line
from benchmarks.processes import Room, free_port

CONFIG = """\
daemon off;
worker_processes 1;
error_log stderr error;
pid {directory}/nginx.pid;
events {{ worker_connections 19000; }}
http {{
  access_log {access_log};
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  client_body_temp_path {directory}/nginx-body;
  proxy_temp_path {directory}/nginx-proxy;
  fastcgi_temp_path {directory}/nginx-fastcgi;
  uwsgi_temp_path {directory}/nginx-uwsgi;
  scgi_temp_path {directory}/nginx-scgi;
  proxy_max_temp_file_size 0;  # a body never goes to disk, as with the others
  upstream pool {{
{servers}
    keepalive 512;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://pool;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
    }}
    location = /.status {{ stub_status; }}
  }}
}}
"""


class Nginx(Contestant):
    name: ClassVar[str] = "nginx"
    title: ClassVar[str] = "nginx"
    what: ClassVar[str] = "Debian package, one worker, buffered access log"

    def missing(self) -> str:
        return "" if in_path("nginx") else "not installed (Debian: nginx-light)"

    def version(self) -> str:
        return first_line([in_path("nginx"), "-v"]).removeprefix("nginx version: ")

    def start(self, work: Work, room: Room) -> Running:
        port = free_port()
        log = room.directory / "nginx.access.log" if work.logs else None
        config = room.directory / "nginx.conf"
        config.write_text(
            CONFIG.format(
                directory=room.directory,
                access_log=f"{log} combined buffer=64k flush=1s" if log else "off",
                servers="\n".join(f"    server {address};" for address in work.addresses()),
                port=port,
            )
        )
        # The prefix keeps it from opening its packaged error log before it has read ours.
        command: list[str | Path] = [in_path("nginx"), "-p", room.directory, "-e", "stderr", "-c", config]
        process = room.start(self.name, room.proxy_core, command)
        return Running(self.name, port, process, log)
