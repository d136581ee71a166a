"""The real command as a process, and origins to stand behind it. Everything waits for a condition with a deadline."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

DEADLINE_S = 30.0
COMMAND = [sys.executable, "-m", "steelyard"]


def wait_for(what: str, condition: Callable[[], Any]) -> Any:
    """What ``condition`` gives once it is true."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.01)
    return found


class Origin:
    """Answers every request with its name; ``/held`` only once ``release`` is called."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.held = threading.Semaphore(0)
        self.holding = threading.Event()
        origin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path == "/held":
                    origin.holding.set()
                    origin.held.acquire(timeout=DEADLINE_S)
                self.send_response(200)
                self.send_header("Content-Length", str(len(origin.name)))
                self.end_headers()
                self.wfile.write(origin.name.encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                # A balancer that hangs up is what some tests are about.
                if not isinstance(sys.exception(), ConnectionError):
                    super().handle_error(request, client_address)

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def release(self) -> None:
        self.held.release()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def origins(*names: str) -> Iterator[list[Origin]]:
    made = [Origin(name) for name in names]
    try:
        yield made
    finally:
        for origin in made:
            origin.close()


class Running:
    """``steelyard run`` or ``proxy``, started with ``--json``: its first line says where it listens."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, *words, "--json"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
        )
        self.lines: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.append(json.loads(line) if line.startswith("{") else {"kind": "text", "message": line})

    def __enter__(self) -> Self:
        started = wait_for("the start", lambda: self.told("started") or self.process.poll() is not None)
        assert isinstance(started, dict), self.lines
        self.admin = started["admin"]
        self.services: dict[str, str] = started["services"]
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream
            stream.close()

    def told(self, kind: str, **members: str) -> dict[str, Any] | None:
        """The latest line of this kind, where it has these members."""
        wanted = {"kind": kind, **members}
        return next((line for line in reversed(self.lines) if wanted.items() <= line.items()), None)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        return self.process.wait(DEADLINE_S)

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Another command that speaks to this one."""
        return command(*words, STEELYARD_ADMIN=self.admin)

    def ask(self, *words: str) -> Any:
        answer = self(*words, "--json")
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(next(iter(self.services.values())), timeout=DEADLINE_S)

    def get(self, path: str = "/") -> str:
        """One request on a connection of its own: the name of the origin that answered."""
        connection = self.connect()
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read().decode()
            assert response.status == 200, (response.status, body)
            return body
        finally:
            connection.close()

    def names(self, requests: int = 30) -> set[str]:
        return {self.get() for _ in range(requests)}


def command(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        env=environment(**variables),
        check=False,
    )


def environment(**variables: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("STEELYARD_")}
    return {**plain, **variables}


def write_config(file: Path, servers: dict[str, Origin], *, extra: str = "", algorithm: str = "round-robin") -> Path:
    """One service ``www`` before one pool ``web``; the admin API on a free port."""
    members = "\n".join(f'  {{ id = "{name}", address = "{origin.address}" }},' for name, origin in servers.items())
    text = f"""\
[admin]
listen = "127.0.0.1:0"
[services.www]
mode = "proxy"
listen = "127.0.0.1:0"
pool = "web"
[pools.web]
algorithm = "{algorithm}"
servers = [
{members}
]
probe = {{ type = "tcp", interval = "200ms", timeout = "200ms" }}
{extra}
"""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)
    return file
