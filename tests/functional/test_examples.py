"""Every example runs as its README says: real processes, only the ports are changed to free ones."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.functional.command import Running, environment, wait_for
from tests.functional.sessions.servers import accepts, free_port, program, running

EXAMPLES = Path(__file__).parents[2] / "examples"

START = {
    "fastapi": ["-m", "uvicorn", "fastapi_shop:app", "--port", "PORT"],
    "flask": ["-m", "flask", "--app", "flask_shop", "run", "--port", "PORT"],
    "django": ["django_shop.py", "runserver", "PORT"],
}
"""How each shop's first line says it is started."""


def test_every_example_is_tested_here() -> None:
    assert {path.name for path in EXAMPLES.iterdir()} == {"proxy", "sessions"}
    shops = {path.stem.removesuffix("_shop") for path in (EXAMPLES / "sessions").glob("*.py")}
    assert shops == set(START)


@contextmanager
def process(words: list[str], directory: Path, port: int, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server of an example, in a group of its own because some start a second process, until the block ends."""
    with (directory / f"{port}.log").open("wb") as log:
        started = subprocess.Popen(
            [sys.executable, *words],
            cwd=directory,
            stdout=log,
            stderr=log,
            env=environment(**variables),
            start_new_session=True,
        )
    try:
        listens = accepts(port)
        wait_for(f"{words} on {port}", lambda: listens() or started.poll() is not None)
        assert started.poll() is None, (directory / f"{port}.log").read_text()
        yield started
    finally:
        kill(started)


def kill(started: subprocess.Popen[bytes]) -> None:
    """SIGKILL for the whole group."""
    if started.returncode is None:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()


@pytest.fixture
def copied(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return Path(shutil.copytree(EXAMPLES / request.param, tmp_path / "example"))


def console(readme: Path) -> list[str]:
    """The commands that a README shows."""
    return re.findall(r"^\$ (.*?)(?:\s+#.*)?$", readme.read_text(), re.MULTILINE)


@pytest.mark.parametrize("copied", ["proxy"], indirect=True)
def test_the_reverse_proxy(copied: Path) -> None:
    file = copied / "steelyard.toml"
    text = file.read_text().replace("127.0.0.1:8080", "127.0.0.1:0")
    ports = {name: free_port() for name in ("8001", "8002", "8003")}
    for shown, port in ports.items():
        assert f"127.0.0.1:{shown}" in text
        text = text.replace(f"127.0.0.1:{shown}", f"127.0.0.1:{port}")
    file.write_text(text)
    assert any("python3 -m http.server $port --bind 127.0.0.1" in line for line in console(copied / "README.md"))
    with ExitStack() as stack:
        for port in ports.values():
            words = ["-m", "http.server", str(port), "--bind", "127.0.0.1"]
            stack.enter_context(process(words, copied, port))
        balancer = stack.enter_context(Running("run", str(file), "--admin", "127.0.0.1:0"))
        connection = balancer.connect()
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert answer.status == 200
        assert (answer.getheader("Set-Cookie") or "").startswith("SRV=")
        connection.close()
        told = [line.split()[1:] for line in console(copied / "README.md") if line.startswith("steelyard ")]
        asked = [words for words in told if words[0] != "run"]
        assert [words[0] for words in asked] == ["status", "drain", "explain"]
        for words in asked:
            done = balancer(*words)
            assert done.returncode == 0, (words, done.stderr)


@pytest.fixture(params=["default", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of the shops: none, so that they share a file, or a session server."""
    if request.param == "default":
        yield {}
        return
    port, directory = free_port(), tmp_path / "redis"
    directory.mkdir()
    command = [program("redis-server", "redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with running(command, accepts(port), directory):
        yield {"SESSION_STORE": f"redis://127.0.0.1:{port}/0"}


class Customer:
    """Somebody with a cookie jar, on a new connection each time."""

    def __init__(self, address: str, method: str) -> None:
        self.address = address
        self.method = method
        self.cookie = ""

    def ask(self, target: str, method: str = "") -> dict[str, object]:
        connection = http.client.HTTPConnection(self.address, timeout=30)
        connection.request(method or self.method, target, headers={"Cookie": self.cookie} if self.cookie else {})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status == 200, (answer.status, body)
        self.cookie = (answer.getheader("Set-Cookie") or self.cookie).partition(";")[0]
        page = json.loads(body)
        assert isinstance(page, dict)
        return page


@pytest.mark.parametrize("copied", ["sessions"], indirect=True)
@pytest.mark.parametrize("framework", sorted(START))
def test_the_basket_grows_whichever_server_answers(framework: str, copied: Path, store: dict[str, str]) -> None:
    assert len((copied / f"{framework}_shop.py").read_text().splitlines()) < 30
    with ExitStack() as stack:
        shops: dict[int, subprocess.Popen[bytes]] = {}
        for port in (free_port(), free_port()):
            words = [str(port) if word == "PORT" else word for word in START[framework]]
            shops[port] = stack.enter_context(process(words, copied, port, **store))
        to = [word for port in shops for word in ("--to", f"127.0.0.1:{port}")]
        balancer = stack.enter_context(
            Running("proxy", "--listen", "127.0.0.1:0", *to, "--admin", "127.0.0.1:0", "--algorithm", "round-robin")
        )
        customer = Customer(next(iter(balancer.services.values())), "GET" if framework == "django" else "POST")
        if framework != "django":
            assert customer.ask("/login/ann")["user"] == "ann"
        bought = []
        for fruit in ("pear", "plum", "fig", "lime"):
            bought.append(fruit)
            assert customer.ask(f"/basket/{fruit}")["basket"] == bought
        served = [server["requests"] for server in balancer.ask("status")["pools"][0]["servers"]]
        assert all(served), "both servers answered"
        kill(next(iter(shops.values())))
        for fruit in ("kiwi", "date"):
            bought.append(fruit)
            assert customer.ask(f"/basket/{fruit}")["basket"] == bought
