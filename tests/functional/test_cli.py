"""The command as people use it: processes, signals, exit statuses. The texts in detail are tested in unit/cli."""

from __future__ import annotations

import http.client
import json
import os
import pty
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.command import COMMAND, Origin, Running, command, environment, origins, wait_for, write_config


@pytest.fixture
def servers() -> Iterator[dict[str, Origin]]:
    with origins("a", "b", "c") as made:
        yield {origin.name: origin for origin in made}


@pytest.fixture
def file(tmp_path: Path, servers: dict[str, Origin]) -> Path:
    return write_config(tmp_path / "steelyard.toml", {name: servers[name] for name in "ab"})


@pytest.fixture
def running(file: Path) -> Iterator[Running]:
    with Running("run", str(file)) as process:
        yield process


def test_run_balances_and_ends_on_sigterm(running: Running) -> None:
    assert running.names() == {"a", "b"}
    assert running("status").returncode == 0
    running.signal(signal.SIGTERM)
    assert running.ended() == 0
    assert running.told("stopped") == {"kind": "stopped", "message": "stopped", "cut": 0}
    with pytest.raises(ConnectionRefusedError):
        running.get()


def test_the_start_is_told_to_people(file: Path) -> None:
    process = subprocess.Popen([*COMMAND, "run", str(file)], stderr=subprocess.PIPE, text=True, env=environment())
    assert process.stderr
    block = [process.stderr.readline() for _ in range(4)]
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait(30) == 0
    assert block[0].startswith("steelyard 0."), block
    assert "service  www  http://127.0.0.1:" in block[1]
    assert "pool     web  round-robin: a up, b up" in block[2]
    assert "admin    http://127.0.0.1:" in block[3]
    assert "steelyard: stopped" in rest


def test_drain_ready_and_maintenance(running: Running) -> None:
    for verb in ("drain", "maintenance"):
        assert running(verb, "web/a").returncode == 0
        assert running.names() == {"b"}
        assert running("ready", "web/a").returncode == 0
        wait_for("a gets clients again", lambda: running.names(4) == {"a", "b"})


def test_drain_wait_returns_when_the_last_request_has_ended(running: Running, servers: dict[str, Origin]) -> None:
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(running.get("/held")))
    asking.start()
    held = wait_for("a request runs", lambda: next((o for o in servers.values() if o.holding.is_set()), None))
    impatient = running("drain", "--wait", "--timeout", "0.2", f"web/{held.name}")
    assert impatient.returncode == 1
    assert "1 still run" in impatient.stderr
    waiting = subprocess.Popen(
        [*COMMAND, "drain", "--wait", f"web/{held.name}"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(STEELYARD_ADMIN=running.admin),
    )
    held.release()
    out, _ = waiting.communicate(timeout=30)
    assert (waiting.returncode, out) == (0, f"web/{held.name}: drain, drained: nothing runs on it\n")
    asking.join()
    assert answers == [held.name]


def test_weight_and_algorithm_while_it_runs(running: Running) -> None:
    assert running.ask("algorithm", "web", "weighted-round-robin")["algorithm"] == "weighted-round-robin"
    assert running.ask("weight", "web/a", "3")["weight"] == 3
    names = [running.get() for _ in range(40)]
    assert names.count("a") > 2 * names.count("b") > 0


def test_add_and_remove(running: Running, servers: dict[str, Origin]) -> None:
    assert running("add", "web", servers["c"].address, "--id", "c").returncode == 0
    wait_for("c gets clients", lambda: "c" in running.names(6))
    assert running("remove", "web", "a", "b").returncode == 0
    assert running.names() == {"c"}
    wait_for("they are gone", lambda: [s["id"] for s in running.ask("status")["pools"][0]["servers"]] == ["c"])


def test_events_are_followed(running: Running) -> None:
    following = subprocess.Popen(
        [*COMMAND, "events", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(STEELYARD_ADMIN=running.admin),
    )
    assert following.stdout
    lines: list[str] = []
    reading = threading.Thread(target=lambda: lines.extend(iter(following.stdout.readline, "")))
    reading.start()

    def seen() -> bool:  # the follower says nothing when it begins, so something happens until it hears of it
        running("drain", "web/b")
        running("ready", "web/b")
        return bool(lines)

    wait_for("an event is followed", seen)
    assert json.loads(lines[0])["kind"] in ("admin-changed", "server-drained")
    running.signal(signal.SIGTERM)
    assert following.wait(30) == 0
    reading.join()
    following.stdout.close()


@pytest.mark.parametrize("way", ["signal", "command", "watch"])
def test_reload(tmp_path: Path, servers: dict[str, Origin], way: str) -> None:
    file = write_config(tmp_path / "steelyard.toml", {"a": servers["a"]})
    with Running("run", str(file), *(["--watch"] if way == "watch" else [])) as running:
        assert running.names(4) == {"a"}
        write_config(file, {"b": servers["b"], "c": servers["c"]})
        if way == "signal":
            running.signal(signal.SIGHUP)
        elif way == "command":
            assert "server web/b added" in running.ask("reload")["changes"]
        wait_for("the new servers", lambda: running.names(4) == {"b", "c"})
        running.lines.clear()
        file.write_text(file.read_text().replace("algorithm", "algoritm"))
        if way == "command":
            answer = running("reload")
            assert answer.returncode == 2
            assert "algorithm" in answer.stderr
        elif way == "signal":
            running.signal(signal.SIGHUP)
        failed = wait_for("the fault is told", lambda: running.told("reload-failed"))
        assert "algorithm" in failed["message"]
        assert running.names(4) == {"b", "c"}


def test_sigterm_under_load_finishes_what_runs(running: Running, servers: dict[str, Origin]) -> None:
    answers: list[str] = []
    asking = [threading.Thread(target=lambda: answers.append(running.get("/held"))) for _ in range(8)]
    for thread in asking:
        thread.start()
    wait_for("requests run", lambda: sum(s["active"] for s in running.ask("status")["pools"][0]["servers"]) == 8)
    running.signal(signal.SIGTERM)
    wait_for("the listener is closed", lambda: refused(running.services["www"]))
    assert running.process.poll() is None
    for origin in servers.values():
        for _ in range(8):
            origin.release()
    assert running.ended() == 0
    for thread in asking:
        thread.join()
    assert sorted(answers) == ["a"] * 4 + ["b"] * 4


def test_a_second_signal_ends_at_once(running: Running, servers: dict[str, Origin]) -> None:
    connection = running.connect()
    connection.request("GET", "/held")
    wait_for("the request runs", lambda: any(origin.holding.is_set() for origin in servers.values()))
    running.signal(signal.SIGTERM)
    wait_for("it is stopping", lambda: running.told("stopping"))
    assert running.process.poll() is None
    running.signal(signal.SIGTERM)
    assert running.ended() == 1
    connection.close()
    for origin in servers.values():
        origin.release()


def test_proxy_needs_no_file(servers: dict[str, Origin]) -> None:
    to = [word for name in "ab" for word in ("--to", servers[name].address)]
    with Running("proxy", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--probe", "/", *to) as running:
        assert running.names() == {"a", "b"}
        assert running("reload").returncode == 1


def test_explain(running: Running) -> None:
    running("drain", "web/b")
    explanation = running.ask("explain", "www", "--client", "192.0.2.7")
    assert explanation["server"] == "a"
    assert [candidate["eligible"] for candidate in explanation["candidates"]] == [True, False]


def test_sigusr1_opens_the_log_again(tmp_path: Path, servers: dict[str, Origin]) -> None:
    log, rotated = tmp_path / "access.log", tmp_path / "access.log.1"
    extra = f'[log]\naccess = "{log}"\n'
    file = write_config(tmp_path / "steelyard.toml", {"a": servers["a"]}, extra=extra)
    with Running("run", str(file)) as running:
        running.get("/before")
        wait_for("a line", lambda: "/before" in log.read_text())
        log.rename(rotated)
        running.signal(signal.SIGUSR1)
        wait_for("a new file", log.exists)
        running.get("/after")
        wait_for("a line in it", lambda: "/after" in log.read_text())
        assert "/after" not in rotated.read_text()


def test_proxy_of_any_tcp(servers: dict[str, Origin]) -> None:
    to = [word for name in "ab" for word in ("--to", servers[name].address)]
    with Running("proxy", "--listen", "127.0.0.1:0", "--admin", "off", "--tcp", "--log", "stdout", *to) as running:
        assert running.admin is None
        assert running.names() == {"a", "b"}
        running.signal(signal.SIGTERM)
        assert running.ended() == 0
        assert running.process.stdout
        assert len(running.process.stdout.read().splitlines()) == 30


def test_threads_and_admin_flags(file: Path) -> None:
    with Running("run", str(file), "--threads", "1", "--admin", "off") as running:
        assert running.admin is None
        assert running.names() == {"a", "b"}
    with Running("run", str(file), "--threads", "1", "--watch", "--admin", "127.0.0.1:0") as running:
        assert running.ask("reload") == {"changes": []}


def test_every_reload_tells_what_waits_for_a_restart(file: Path) -> None:
    """By signal as well as by command; what is not in force is not shown as if it were."""
    sentence = "log.access changed: in force only after a restart"
    with Running("run", str(file)) as running:
        file.write_text(f'{file.read_text()}[log]\naccess = "stdout"\n')
        for _ in range(2):
            running.lines.clear()
            running.signal(signal.SIGHUP)
            assert wait_for("the reload", lambda: running.told("reloaded"))["message"] == sentence
            assert running.ask("reload") == {"changes": [sentence]}
        shown = http.client.HTTPConnection(running.admin, timeout=10)
        shown.request("GET", "/v1/config")
        assert json.load(shown.getresponse())["log"]["access"] == "off"
        shown.close()


def test_files_with_faults_are_refused_with_every_fault(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text('[pools.web]\nalgoritm = "random"\n[services.www]\nmode = "proxi"\nlisten = ":80"\npool = "web"\n')
    for verb in ("run", "check"):
        answer = command(verb, str(file))
        assert answer.returncode == 2
        assert "algorithm" in answer.stdout + answer.stderr
        assert "proxi" in answer.stdout + answer.stderr
        assert "Traceback" not in answer.stderr
    missing = command("run", str(tmp_path / "missing.toml"))
    assert missing.returncode == 2
    assert "missing.toml" in missing.stderr


def test_check_of_a_good_file(file: Path) -> None:
    assert command("check", str(file)).returncode == 0
    answer = command("check", str(file), "--json")
    assert (answer.returncode, json.loads(answer.stdout)["usable"]) == (0, True)


def test_what_is_probably_not_meant_is_told_and_runs(file: Path) -> None:
    file.write_text(file.read_text().replace('timeout = "200ms"', 'timeout = "3s"'))
    answer = command("check", str(file))
    assert answer.returncode == 0
    assert "warning: pools.web.probe.timeout" in answer.stdout
    with Running("run", str(file)) as running:
        assert running.told("warning", key="pools.web.probe.timeout")
        assert running.names() == {"a", "b"}


@pytest.mark.parametrize("which", ["service", "admin"])
def test_a_taken_address_is_one_sentence(tmp_path: Path, servers: dict[str, Origin], which: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        file = write_config(tmp_path / "steelyard.toml", {"a": servers["a"]})
        text = file.read_text()
        part = "[services.www]" if which == "service" else "[admin]"
        head, tail = text.split(part)
        file.write_text(head + part + tail.replace("127.0.0.1:0", listen, 1))
        answer = command("run", str(file))
    assert answer.returncode == 1
    assert listen in answer.stderr
    assert len(answer.stderr.splitlines()) == 1, answer.stderr


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_the_live_status_is_seen_on_every_terminal(running: Running, term: str) -> None:
    ours, theirs = pty.openpty()
    words = [*COMMAND, "status", "--watch", "--every", "0.1"]
    with subprocess.Popen(words, stdout=theirs, env=environment(STEELYARD_ADMIN=running.admin, TERM=term)) as process:
        os.close(theirs)
        seen = b""
        while seen.count(b"SERVER") < 2:
            seen += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
        while True:
            try:
                if not os.read(ours, 65536):
                    break
            except OSError:  # the terminal has no writer any more
                break
        assert process.wait(30) == 0
    os.close(ours)
    assert (b"\x1b" in seen) == (term == "xterm")


def test_a_reader_that_had_enough_is_no_error(running: Running) -> None:
    with subprocess.Popen(
        [*COMMAND, "status", "--watch", "--every", "0.1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(STEELYARD_ADMIN=running.admin),
    ) as looking:
        assert looking.stdout
        assert looking.stdout.readline().startswith("steelyard 0.")
        looking.stdout.close()
        looking.wait(30)
        assert looking.stderr
        assert looking.stderr.read() == ""


def refused(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as client:
        return client.connect_ex((host, int(port))) != 0
