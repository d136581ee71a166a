"""Every command that speaks to a running balancer: what it does, what it prints, how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from steelyard.errors import ConfigError, Problem
from tests.unit.cli.conftest import Result, Running

Command = Callable[..., Result]


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (["drain", "web/a"], "web/a: drain, drained: nothing runs on it\n"),
        (["drain", "--wait", "web/a", "web/b"], "web/a: drain, drained: nothing runs on it\nweb/b: drain, drained"),
        (["maintenance", "web", "b"], "web/b: maintenance, drained: nothing runs on it\n"),
        (["ready", "web/a"], "web/a: ready, up\n"),
        (["add", "web", "10.0.0.8:80", "10.0.0.9:80"], "web/10.0.0.8:80: added, unknown\nweb/10.0.0.9:80: added"),
        (["algorithm", "web", "maglev"], "web: maglev\n"),
        (["add", "web", "10.0.0.9:80", "--id", "c"], "web/c: added, unknown\n"),
        (["remove", "web/a", "web/b"], "web/a: removed, gone once nothing runs on it\nweb/b: removed"),
        (["remove", "web", "a", "b"], "web/a: removed, gone once nothing runs on it\nweb/b: removed"),
        (["reload"], "reloaded:\n  pool api added\n"),
        (["explain", "www", "--client", "192.0.2.7"], "192.0.2.7 would get a of pool web (round-robin)\nbecause its"),
        (["explain", "web", "--cookie", "SRV=x"], "because its turn (cookie 'SRV=x')"),
        (["status"], "www"),
    ],
)
def test_it_says_what_it_did(steelyard: Command, words: list[str], out: str) -> None:
    result = steelyard(*words)
    assert (result.status, result.err) == (0, "")
    assert out in result.out


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["drain", "web/a"], lambda body: body[0]["admin"] == "drain"),
        (["ready", "web/a"], lambda body: body[0]["pool"] == "web"),
        (["maintenance", "web/a"], lambda body: body[0]["admin"] == "maintenance"),
        (["weight", "web/a", "7"], lambda body: body["weight"] == 7),
        (["algorithm", "web", "maglev"], lambda body: body == {"pool": "web", "algorithm": "maglev"}),
        (["add", "web", "unix:/run/a.sock"], lambda body: body[0]["id"] == "unix:/run/a.sock"),
        (["add", "web", "h:1", "h:2", "--weight", "5"], lambda body: [each["weight"] for each in body] == [5, 5]),
        (["schema"], lambda body: "pools" in body["properties"]),
        (["remove", "web/a"], lambda body: body == [{"pool": "web", "server": "a"}]),
        (["reload"], lambda body: body == {"changes": ["pool api added"]}),
        (["explain", "web"], lambda body: body["server"] == "a"),
        (["status"], lambda body: body["pools"][0]["servers"][1]["id"] == "b"),
    ],
)
def test_json(steelyard: Command, words: list[str], found: Callable[[object], bool]) -> None:
    result = steelyard(*words, "--json")
    assert result.status == 0
    assert found(json.loads(result.out))


def test_the_balancer_was_really_told(steelyard: Command, running: Running) -> None:
    steelyard("drain", "web/a")
    steelyard("weight", "web/b", "9")
    steelyard("add", "web", "unix:/run/a.sock", "--weight", "3")
    steelyard("algorithm", "web", "random")
    servers = running.balancer.servers
    assert (servers["a"].admin, servers["b"].weight, servers["unix:/run/a.sock"].weight) == ("drain", 9, 3)
    assert running.balancer.algorithm == "random"
    steelyard("remove", "web", "unix:/run/a.sock")
    assert list(servers) == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "status", "err"),
    [
        (["drain", "web/z"], 1, "steelyard: no server of pool 'web' is called 'z'; there is 'a', 'b'\n"),
        (["weight", "wbe/a", "2"], 1, "steelyard: no pool is called 'wbe'; did you mean 'web'?\n"),
        (["add", "web", "10.0.0.9:80", "--id", "a"], 1, "steelyard: pool 'web' has a server 'a' already"),
        (["drain", "web"], 2, "'web': expected POOL/SERVER, such as web/a"),
        (["drain"], 2, "Missing argument"),
        (["weight", "web/a", "0"], 2, "greater than or equal to 1"),
        (["weight", "web/a", "many"], 2, "N"),
        (["algorithm", "web", "maglv"], 2, "no algorithm is called 'maglv'; did you mean 'maglev'?"),
        (["add", "web", "10.0.0.8:80", "10.0.0.9:80", "--id", "c"], 2, "one name for several servers"),
        (["add", "web", "10.0.0.9"], 2, "add the port"),
        (["explain", "web", "--client", "me"], 2, "'me' is neither an IPv4 nor an IPv6 address"),
        (["proxy", "--to", "10.0.0.9"], 2, "--to"),
        (["proxy", "--to", "10.0.0.9:80=x"], 2, "expected HOST:PORT or HOST:PORT=WEIGHT"),
        (["proxy", "--to", "10.0.0.9:80", "--probe", "icmp"], 2, "expected tcp, off or a path"),
        (["proxy", "--to", "10.0.0.9:80", "--admin", "x"], 2, "--admin"),
        (["proxy", "--to", "10.0.0.9:80", "--algorithm", "x"], 2, "--algorithm"),
        (["proxy"], 2, "--to"),
        (["stat"], 2, "stat"),
    ],
)
def test_it_fails_in_a_sentence(steelyard: Command, words: list[str], status: int, err: str) -> None:
    result = steelyard(*words)
    assert (result.status, result.out) == (status, "")
    assert err in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("words", [["explain", "wbe"], ["drain", "wbe/a"]])
def test_a_program_reads_why_it_failed(steelyard: Command, words: list[str]) -> None:
    result = steelyard(*words, "--json")
    detail = "no pool is called 'wbe'; did you mean 'web'?"
    assert result.status == 1
    assert json.loads(result.out) == {"title": "Unknown name", "detail": detail, "status": 404}
    assert result.err == f"steelyard: {detail}\n"


def test_a_program_reads_that_nobody_is_there(steelyard: Command) -> None:
    result = steelyard("status", "--json", "--admin", "127.0.0.1:1")
    problem = json.loads(result.out)
    assert (result.status, problem["title"]) == (1, "No balancer")
    assert problem["detail"].startswith("no balancer answers at 127.0.0.1:1")


def test_a_program_reads_the_faults_of_a_file(steelyard: Command, running: Running) -> None:
    running.balancer.fails_with = ConfigError((Problem("x.toml", 3, "pools.web.wieght", "unknown key"),))
    result = steelyard("reload", "--json")
    problem = json.loads(result.out)
    assert (result.status, problem["title"]) == (2, "Configuration not usable")
    assert [each["key"] for each in problem["problems"]] == ["pools.web.wieght"]


def test_a_weight_that_has_no_effect_is_set_and_warned_of(steelyard: Command) -> None:
    result = steelyard("weight", "web/a", "7")
    assert (result.status, result.out) == (0, "web/a: weight 7\n")
    assert result.err.startswith('steelyard: warning: weights have no effect: "round-robin" ignores them; algorithms')
    assert "no effect" in json.loads(steelyard("weight", "web/a", "7", "--json").out)["warning"]
    steelyard("algorithm", "web", "weighted-round-robin")
    result = steelyard("weight", "web/a", "8")
    assert (result.status, result.out, result.err) == (0, "web/a: weight 8\n", "")


def test_reload_of_a_file_with_faults_lists_them(steelyard: Command, running: Running) -> None:
    fault = Problem("x.toml", 3, "pools.web.wieght", "unknown key", "did you mean weight?", source="wieght = 1")
    running.balancer.fails_with = ConfigError((fault,))
    result = steelyard("reload")
    assert result.status == 2
    assert "x.toml" in result.err
    assert "did you mean weight?" in result.err


def test_nobody_there(steelyard: Command) -> None:
    result = steelyard("status", "--admin", "127.0.0.1:1")
    assert result.status == 1
    assert result.err.startswith("steelyard: no balancer answers at 127.0.0.1:1: start one with `steelyard run FILE`")


def test_the_schema_is_one_of_json(steelyard: Command) -> None:
    schema = json.loads(steelyard("schema").out)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert "pools" in schema["properties"]


def test_version_and_help(steelyard: Command) -> None:
    assert steelyard("--version").out.startswith("steelyard 0.")
    overview = steelyard("--help").out
    for name in ("run", "check", "proxy", "status", "drain", "explain"):
        assert f"\n  {name} " in overview
        assert steelyard(name, "--help").status == 0


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("steelyard drain web/", ["web/a", "web/b"]),
        ("steelyard weight web/b", ["web/b"]),
        ("steelyard algorithm w", ["web"]),
        ("steelyard algorithm web magl", ["maglev"]),
        ("steelyard explain w", ["web", "www"]),
        ("steelyard drain --admin 127.0.0.1:1 ", []),
    ],
)
def test_completion(steelyard: Command, monkeypatch: pytest.MonkeyPatch, line: str, offered: list[str]) -> None:
    monkeypatch.setenv("_STEELYARD_COMPLETE", "complete_bash")
    words = line.split(" ")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    assert sorted(steelyard().out.split()) == offered
