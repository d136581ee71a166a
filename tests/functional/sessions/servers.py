"""Real session servers, started on free ports for the tests and ended with them."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(name: str, package: str) -> str:
    """The path of a server; skips the test, saying what to install, where it is missing."""
    found = shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        pytest.skip(f"{name} is not installed (Debian package {package})")
    return found


@contextmanager
def running(command: list[str], answers: Callable[[], bool], directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server process, from its first answer until the block ends."""
    log = directory / "server.log"
    with log.open("ab") as output, subprocess.Popen(command, stdout=output, stderr=output, cwd=directory) as process:
        try:
            deadline = time.monotonic() + 60
            while not answers():
                assert process.poll() is None, f"{command[0]} ended: {log.read_text()[-2000:]}"
                assert time.monotonic() < deadline, f"{command[0]} does not answer: {log.read_text()[-2000:]}"
                time.sleep(0.02)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def accepts(port: int) -> Callable[[], bool]:
    """Whether something listens on a port of loopback."""

    def ask() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    return ask


def certificates(directory: Path) -> None:
    """An authority of its own and a certificate by it."""
    directory.mkdir()
    openssl = [program("openssl", "openssl"), "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    by_authority = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=IP:127.0.0.1"]
    by_authority += ["-addext", "basicConstraints=critical,CA:FALSE"]
    for command in (
        [*openssl, "-x509", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority"],
        [*openssl, "-x509", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=server", *by_authority],
    ):
        subprocess.run(command, check=True, capture_output=True, cwd=directory)
