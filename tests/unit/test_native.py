"""The native module itself, through real sockets on loopback: shapes, errors, signals, the GIL, the access log."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from steelyard import _native

DEADLINE = 20.0


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"{what} did not come true"
        time.sleep(0.005)


class Hello(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(int(self.path.removeprefix("/status/")) if self.path.startswith("/status/") else 200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def origin() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def snapshot(*addresses: str, version: int = 1, **service: Any) -> bytes:
    servers = [
        {"id": f"s{n}", "address": a, "weight": 1, "eligible": True, "keeps": True, "max_connections": 0, "mark": ""}
        for n, a in enumerate(addresses)
    ]
    pool = {
        "name": "web",
        "revision": version,
        "algorithm": "round-robin",
        "affinity": None,
        "queue": {"size": 10, "timeout_ms": 1000},
        "retry": {"attempts": 3, "budget": 0.2, "min_per_second": 10},
        "hash_mask_v4": 32,
        "hash_mask_v6": 64,
        "servers": servers,
    }
    one = {
        "name": "www",
        "mode": "proxy",
        "listen": "127.0.0.1:0",
        "pool": "web",
        "trusted_proxies": [],
        "forwarded": False,
        "via": "steelyard",
        "request_id": "X-Request-Id",
        "accept_proxy": False,
        "send_proxy": "off",
        "timeouts": {
            **dict.fromkeys(("header", "idle", "body", "response", "stall", "tunnel", "upstream_idle"), 60_000),
            "connect": 3000,
        },
        "limits": {
            "request_line": 8192,
            "header_bytes": 32768,
            "header_count": 100,
            "connections": 0,
            "connections_per_client": 0,
            "body_rate_min": 0,
        },
        **service,
    }
    return json.dumps({"version": version, "pools": [pool], "services": [one]}).encode()


@contextmanager
def running(log: dict[str, str] | None = None, threads: int = 1) -> Iterator[_native.DataPlane]:
    plane = _native.DataPlane(json.dumps({"threads": threads, "log": log}).encode())
    try:
        yield plane
    finally:
        plane.close(0)


def port(plane: _native.DataPlane) -> int:
    return int(plane.addresses()["www"].rpartition(":")[2])


def get(plane: _native.DataPlane, target: str = "/", **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port(plane), timeout=DEADLINE)
    connection.request("GET", target, headers=headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def report(plane: _native.DataPlane) -> Any:
    return json.loads(plane.report())


def test_one_server_is_reported_as_in_the_whole_report(origin: str) -> None:
    with running() as plane:
        plane.apply(snapshot(origin))
        assert get(plane) == 200
        until(lambda: report(plane)["services"]["www"]["requests"] == 1, "the request's count")
        [(server, counted)] = report(plane)["pools"]["web"]["servers"].items()
        assert counted["requests"] == 1
        assert json.loads(plane.server_report("web", server)) == counted
        assert json.loads(plane.server_report("web", "nobody")) is None
        assert json.loads(plane.server_report("nowhere", server)) is None


def test_a_request_is_served_and_reported(origin: str) -> None:
    with running() as plane:
        plane.apply(snapshot(origin, version=7))
        assert get(plane) == 200
        until(lambda: report(plane)["services"]["www"]["requests"] == 1, "the request's count")
        found = report(plane)
    assert found["version"] == 7
    assert found["services"]["www"]["responses"] == [0, 1, 0, 0, 0]
    assert len(found["services"]["www"]["latency"]) == 23
    assert sum(found["pools"]["web"]["servers"]["s0"]["latency"]) == 1


def test_explain_says_whom_a_client_would_get(origin: str) -> None:
    with running() as plane:
        plane.apply(snapshot(origin))
        found = json.loads(plane.explain("web", "192.0.2.1", ""))
        assert found["server"] == "s0"
        assert found["reason"]
        assert json.loads(plane.explain("no such pool", "", ""))["server"] is None
        with pytest.raises(_native.NativeError, match=r'client: expected an IPv4 or IPv6 address .* found "x"'):
            plane.explain("web", "x", "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (b"", "options: EOF while parsing"),
        (b'{"threads": "two", "log": null}', "options: invalid type: string"),
        (b'{"threads": 1, "log": null, "colour": 1}', "options: unknown field `colour`"),
        (
            b'{"threads": 1, "log": {"target": "/nowhere/log", "format": "json"}}',
            "access log /nowhere/log: cannot open",
        ),
    ],
)
def test_options_that_cannot_be_used(options: bytes, message: str) -> None:
    with pytest.raises(_native.NativeError, match=message):
        _native.DataPlane(options)


def test_a_snapshot_that_cannot_be_used_leaves_the_old_one_in_force(origin: str) -> None:
    with running() as plane, socket.create_server(("127.0.0.1", 0)) as taken:
        plane.apply(snapshot(origin))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for wrong, message in [
            (b"{}", "snapshot: missing field"),
            (snapshot("not an address", version=2), "not an address"),
            (snapshot(origin, version=2, listen=address), rf"services.www.listen: cannot listen on {address}"),
            (snapshot(origin, version=2, pool="other"), "services.www.pool"),
        ]:
            with pytest.raises(_native.NativeError, match=message):
                plane.apply(wrong)
            assert report(plane)["version"] == 1
            assert get(plane) == 200


def test_mode_tcp_passes_bytes_both_ways() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, running(threads=2) as plane:
        plane.apply(snapshot(f"127.0.0.1:{listener.getsockname()[1]}", mode="tcp"))
        with socket.create_connection(("127.0.0.1", port(plane)), timeout=DEADLINE) as client:
            server, _ = listener.accept()
            with server:
                client.sendall(b"question")
                assert server.recv(100) == b"question"
                server.sendall(b"answer")
                assert client.recv(100) == b"answer"
                assert plane.connections() == plane.active("web", "s0") == 1
        until(lambda: plane.active("web", "s0") == 0, "the end of the connection")


def test_a_dead_server_is_heard_of_through_the_descriptor(origin: str) -> None:
    with running() as plane:
        plane.apply(snapshot(nobody(), origin))
        fd = plane.failures_fd()
        assert select.select([fd], [], [], 0) == ([], [], [])
        assert [get(plane) for _ in range(4)] == [200] * 4
        assert select.select([fd], [], [], DEADLINE)[0] == [fd]
        assert os.eventfd_read(fd) == 1
        (failure,) = json.loads(plane.failures())
        assert failure["pool"] == "web"
        assert failure["server"] == "s0"
        assert failure["connect"] >= 1
        assert json.loads(plane.failures()) == []


def test_5xx_are_told_without_waking_anybody(origin: str) -> None:
    with running() as plane:
        plane.apply(snapshot(origin))
        assert get(plane, "/status/503") == 503
        assert select.select([plane.failures_fd()], [], [], 0) == ([], [], [])
        (failure,) = json.loads(plane.failures())
        assert (failure["requests"], failure["status_5xx"]) == (1, 1)


def test_waiting_releases_the_gil(origin: str) -> None:
    """``close`` waits for a connection that this very interpreter ends meanwhile."""
    with running() as plane:
        plane.apply(snapshot(origin, mode="tcp"))
        client = socket.create_connection(("127.0.0.1", port(plane)), timeout=DEADLINE)
        until(lambda: plane.connections() == 1, "the connection")
        cut: list[int] = []
        closing = threading.Thread(target=lambda: cut.append(plane.close(int(DEADLINE * 1000))))
        closing.start()
        client.close()
        closing.join(DEADLINE)
        assert cut == [0]


def test_close_cuts_what_does_not_end(origin: str) -> None:
    with running() as plane:
        plane.apply(snapshot(origin, mode="tcp"))
        with socket.create_connection(("127.0.0.1", port(plane)), timeout=DEADLINE) as client:
            until(lambda: plane.connections() == 1, "the connection")
            assert plane.close(50) == 1
            with suppress(ConnectionError):
                assert client.recv(1) == b""
        assert plane.close(0) == 0
        with pytest.raises(_native.NativeError, match="closed"):
            plane.apply(snapshot(origin))
        assert report(plane)["version"] == 1


def test_the_threads_leave_signals_to_python() -> None:
    with running(threads=2):
        blocked = {}
        for task in Path("/proc/self/task").iterdir():
            if (task / "comm").read_text().startswith("steelyard-"):
                line = next(line for line in (task / "status").read_text().splitlines() if line.startswith("SigBlk"))
                blocked[task.name] = int(line.split()[1], 16)
    assert len(blocked) == 2
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE):
        assert all(mask >> (number - 1) & 1 for mask in blocked.values()), number
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_many_threads_may_use_one_plane(origin: str) -> None:
    with running(threads=2) as plane:
        plane.apply(snapshot(origin))
        errors: list[BaseException] = []

        def repeat(action: Callable[[int], object]) -> None:
            try:
                for n in range(50):
                    action(n)
            except BaseException as error:
                errors.append(error)

        actions: list[Callable[[int], object]] = [
            lambda n: plane.apply(snapshot(origin, version=n + 2)),
            lambda _: report(plane),
            lambda _: json.loads(plane.failures()),
            lambda _: get(plane),
        ]
        threads = [threading.Thread(target=repeat, args=(action,)) for action in actions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []


def test_every_byte_in_the_log_comes_back_and_secrets_do_not(origin: str, tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    hostile = bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
    with running({"target": str(path), "format": "json"}) as plane:
        plane.apply(snapshot(origin))
        with socket.create_connection(("127.0.0.1", port(plane)), timeout=DEADLINE) as client:
            client.sendall(
                b'GET /a?b="c\\ HTTP/1.1\r\nHost: h\r\nConnection: close\r\nUser-Agent: ' + hostile.strip() + b"\r\n"
                b"Authorization: Bearer swordfish\r\nCookie: id=swordfish\r\n\r\n"
            )
            while client.recv(4096):
                pass
        until(lambda: report(plane)["log_written"] == 1, "the line")
        (line,) = path.read_bytes().splitlines()
    assert b"swordfish" not in line
    found = json.loads(line)
    if found["status"] == 200:
        assert found["user_agent"].encode("latin-1") == hostile.strip()
        assert (found["method"], found["service"], found["pool"], found["server"]) == ("GET", "www", "web", "s0")
        assert found["end"] == "ok"
    assert found["target"] == '/a?b="c\\'


def test_the_log_is_reopened_without_loss(origin: str, tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    with running({"target": str(path), "format": "combined"}) as plane:
        plane.apply(snapshot(origin))
        get(plane, "/before")
        until(lambda: report(plane)["log_written"] == 1, "the first line")
        path.rename(tmp_path / "old.log")
        plane.reopen_log()
        until(path.exists, "the new file")
        get(plane, "/after")
        until(lambda: report(plane)["log_written"] == 2, "the second line")
    assert '"GET /before HTTP/1.1" 200 5' in (tmp_path / "old.log").read_text()
    assert '"GET /after HTTP/1.1" 200 5' in path.read_text()
    assert report(plane)["log_dropped"] == 0


def test_what_is_buffered_at_the_end_is_written(origin: str, tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    with running({"target": str(path), "format": "json"}) as plane:
        plane.apply(snapshot(origin))
        for _ in range(20):
            get(plane)
        plane.close(int(DEADLINE * 1000))
    assert len(path.read_text().splitlines()) == 20
