"""Probes against real sockets: what each finds, in a sentence, and that none ever raises."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import re
import select
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from steelyard.config.model import Probe
from steelyard.control.state import Target
from steelyard.health import asker
from steelyard.health.asker import Asker, Outcome, Question
from tests.support.origin import Origin, Request, Response
from tests.support.waiting import until

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def target(address: str, **probe: Any) -> Target:
    return Target(address, address, Probe(**{"timeout": 5.0, **probe}))


async def ask(target: Target) -> Outcome | None:
    """One question, and what was found."""
    asks, outcome = Asker(), asyncio.get_running_loop().create_future()
    try:
        asks.ask(Question.of(target), outcome.set_result)
        return await outcome
    finally:
        asks.close()


def said(outcome: Outcome | None) -> tuple[bool, str]:
    """The outcome without its time."""
    assert outcome is not None
    return outcome.good, re.sub(r" in [\d.]+ m?s$", " in …", outcome.note)


@asynccontextmanager
async def speaking(answer: bytes, *, close: bool = True) -> AsyncIterator[str]:
    """A server that says these bytes to everyone."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        if close:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def closed_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


async def test_tcp_connects() -> None:
    async with Origin("a") as origin:
        assert said(await ask(target(origin.address, type="tcp"))) == (True, "connected in …")


@pytest.mark.parametrize("kind", ["tcp", "http"])
async def test_a_refused_connection(kind: str) -> None:
    assert said(await ask(target(f"127.0.0.1:{closed_port()}", type=kind))) == (False, "connection refused")


@pytest.mark.parametrize("kind", ["tcp", "http"])
async def test_unix_sockets(kind: str, tmp_path: Path) -> None:
    async with Origin("a", unix=str(tmp_path / "socket")) as origin:
        outcome = await ask(target(origin.address, type=kind, path="/healthz"))
        assert said(outcome) == (True, "connected in …" if kind == "tcp" else "200 in …")
    missing = await ask(target(f"unix:{tmp_path}/missing", type=kind))
    assert said(missing) == (False, "no such unix socket")


async def test_ipv6() -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "::1", 0)
    try:
        outcome = await ask(target(f"[::1]:{server.sockets[0].getsockname()[1]}"))
        assert said(outcome) == (True, "connected in …")
    finally:
        server.close()


async def test_http_sends_what_was_asked_for() -> None:
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        seen.append(request)
        return Response(204)

    async with Origin("a") as origin:
        origin.answer = answer
        probe = target(origin.address, type="http", method="HEAD", path="/live?x=1", host="app.example", status="204")
        assert said(await ask(probe)) == (True, "204 in …")
        assert (seen[0].method, seen[0].target, seen[0].header("Host")) == ("HEAD", "/live?x=1", "app.example")
        assert seen[0].header("Connection") == "close"
        await ask(target(origin.address, type="http", status="204"))
        assert seen[1].header("Host") == origin.address


@pytest.mark.parametrize(
    ("status", "expected", "good"),
    [(200, "200-399", True), (404, "200-399", False), (503, "200,503", True), (500, "200-399", False)],
)
async def test_http_judges_the_status(status: int, expected: str, good: bool) -> None:
    async with Origin("a", status=status) as origin:
        outcome = await ask(target(origin.address, type="http", status=expected))
        assert said(outcome) == (good, f"{status} in …" if good else f"answered {status}, expected {expected}")


async def test_http_searches_the_first_64_kib_of_the_body() -> None:
    async with Origin("a") as origin:
        for padding, good in ((0, True), (65536 - 5, True), (65536, False)):
            origin.answer = lambda _, padding=padding: Response(body=b"." * padding + b"ALIVE" + b"." * 99)
            outcome = await ask(target(origin.address, type="http", body="ALIVE"))
            assert said(outcome) == (good, "200 in …" if good else "answered 200, but its body lacks 'ALIVE'")


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        (b"", "closed without an answer"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "closed without an answer"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "not HTTP/1.1: "),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n", "not HTTP/1.1: "),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 40_000, "not HTTP/1.1: "),
    ],
)
async def test_http_answers_that_are_none(answer: bytes, note: str) -> None:
    async with speaking(answer) as address:
        outcome = await ask(target(address, type="http"))
        assert not outcome.good
        assert outcome.note.startswith(note)


async def test_http_passes_over_interim_answers() -> None:
    async with speaking(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    ) as on:
        assert said(await ask(target(on, type="http"))) == (True, "200 in …")


async def test_a_body_that_never_ends_is_searched_as_far_as_it_goes() -> None:
    async with speaking(b"HTTP/1.0 200 OK\r\n\r\nwe are ALIVE") as address:
        assert (await ask(target(address, type="http", body="ALIVE"))).good
        assert not (await ask(target(address, type="http", body="DEAD"))).good


async def test_silence_is_a_timeout() -> None:
    async with Origin("a") as origin:
        origin.gate.close()
        outcome = await ask(target(origin.address, type="http", timeout=0.05))
        assert said(outcome) == (False, "no answer within 50 ms")
        origin.gate.open()
        await until(lambda: origin.connections == 0)


async def test_the_probe_has_its_own_port() -> None:
    async with Origin("a") as origin:
        port = int(origin.address.rpartition(":")[2])
        assert (await ask(target(f"127.0.0.1:{closed_port()}", port=port))).good


async def test_no_connection_stays_open() -> None:
    async with Origin("a") as origin:
        for kind in ("tcp", "http"):
            await ask(target(origin.address, type=kind))
        await until(lambda: origin.connections == 0)


async def test_closing_ends_what_is_under_way_without_an_outcome() -> None:
    async with Origin("a") as origin:
        origin.gate.close()
        asks, outcomes = Asker(), []
        asks.ask(Question.of(target(origin.address, type="http")), outcomes.append)
        await until(lambda: origin.active == 1)
        asks.close()
        origin.gate.open()
        await until(lambda: origin.connections == 0)
        assert outcomes == []


async def test_deadlines_of_all_lengths_are_judged_each_in_its_time() -> None:
    async with Origin("a") as origin:
        origin.gate.close()
        asks, late = Asker(), []
        try:
            for timeout in (30.0, 0.05, 0.02, 0.03):
                question = Question.of(target(origin.address, type="http", timeout=timeout))
                asks.ask(question, lambda outcome, timeout=timeout: late.append((timeout, outcome.note)))
            await until(lambda: len(late) == 3)
            assert sorted(late) == [(each, f"no answer within {each * 1000:.0f} ms") for each in (0.02, 0.03, 0.05)]
        finally:
            asks.close()


async def test_an_answer_that_is_there_is_read_before_its_deadline_is_judged() -> None:
    async with Origin("a") as origin:
        origin.gate.close()
        asks, outcomes = Asker(), []
        try:
            asks.ask(Question.of(target(origin.address, type="http", timeout=60.0)), outcomes.append)
            await until(lambda: origin.active == 1)
            [asking] = asks._asked.values()
            asyncio.get_running_loop().remove_reader(asks._epoll.fileno())  # the loop is busy with other things
            origin.gate.open()
            await until(lambda: select.select([asking.socket], [], [], 0)[0], "the answer being there")
            asking.started -= 120
            asks._expire()
            assert outcomes[0].good, outcomes
        finally:
            asks.close()


async def test_a_server_that_talks_first_is_not_waited_for() -> None:
    async def banner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(banner, "127.0.0.1", 0)
    async with server:
        outcome = await ask(target(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", type="http"))
        assert not outcome.good
        assert outcome.note.startswith("not HTTP/1.1: ")


async def test_a_header_in_many_parts() -> None:
    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()

    server = await asyncio.start_server(slowly, "127.0.0.1", 0)
    async with server:
        outcome = await ask(target(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", type="http"))
        assert said(outcome) == (True, "200 in …")


async def test_a_full_backlog_of_a_unix_socket_is_said(tmp_path: Path) -> None:
    path = str(tmp_path / "full")
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as waiting:
        listener.bind(path)
        listener.listen(0)
        refused = 0
        while not refused:
            client = waiting.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            refused = client.connect_ex(path)
        found = said(await ask(target(f"unix:{path}", type="tcp")))
        assert found == (False, "too many connections wait at its unix socket")


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
async def test_against_nginx(tmp_path: Path) -> None:
    sock = tmp_path / "nginx.sock"
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error;\n"
        "events {}\n"
        f"http {{ access_log off; client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p;\n"
        f" fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;\n"
        f" server {{ listen unix:{sock}; location = /ok {{ return 200 alive; }} location / {{ return 404; }} }} }}\n"
    )
    nginx = await asyncio.create_subprocess_exec(
        "nginx", "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await until(sock.exists, "nginx's socket")
        good = target(f"unix:{sock}", type="http", path="/ok", body="alive")
        assert said(await ask(good)) == (True, "200 in …")
        assert said(await ask(target(f"unix:{sock}", type="http"))) == (False, "answered 404, expected 200-399")
    finally:
        nginx.terminate()
        await nginx.wait()


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL])
async def test_what_we_could_not_ask_says_nothing_of_the_server(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_socket(*_: object) -> socket.socket:
        raise OSError(code, "ours")

    monkeypatch.setattr(asker.socket, "socket", no_socket)
    assert await ask(target("127.0.0.1:9", type="tcp")) is None
