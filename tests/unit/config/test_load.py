import os
from pathlib import Path

import pytest

from steelyard.config.load import inspect, inspect_text, load, loads, verify
from steelyard.config.model import AdminConfig, Config, Pool, Server, Service
from steelyard.config.types import Secret
from steelyard.errors import ConfigError, SteelyardError

HERE = Path(__file__).parent
GOOD = """\
[pools.web]
algorithm = "weighted-least-connections"
servers = [{ id = "a", address = "10.0.0.11:8080", weight = 5 }, { address = "[2001:DB8::1]:80" }]
probe = { type = "http", path = "/healthz", interval = "500ms", timeout = "0.5s" }
[services.www]
mode = "proxy"
listen = ":80"
pool = "web"
limits.header_bytes = "16KiB"
"""


def test_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "steelyard.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    config = load(path)
    assert config == loads(GOOD)
    assert config.services["www"].limits.header_bytes == 16384
    assert config.pools["web"].servers[1].id == "[2001:db8::1]:80"
    assert config.pools["web"].probe is not None
    assert config.pools["web"].probe.interval == 0.5
    assert inspect(path) == (config, ())


def test_a_file_with_twenty_mistakes_reports_all_twenty() -> None:
    path = HERE / "wrong" / "twenty.toml"
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert len(refused.value.problems) == 20
    said = [str(problem).removeprefix(str(path)) for problem in refused.value.problems]
    assert said == (HERE / "wrong" / "twenty.txt").read_text().splitlines()
    lines = [problem.line for problem in refused.value.problems]
    assert lines == sorted(lines)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "steelyard.toml").write_text(GOOD)
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "steelyrad.toml")
    assert isinstance(refused.value, SteelyardError)
    there = tmp_path / "steelyard.toml"
    assert str(refused.value) == (
        f"{tmp_path}/steelyrad.toml: cannot be read: No such file or directory; did you mean {there}?"
    )


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path)


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(b"# one\n# caf\xe9\n")
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert str(refused.value) == f"{path}:2: expected UTF-8, found the byte 0xe9; save the file as UTF-8"


def test_arrays_nested_without_end() -> None:
    with pytest.raises(ConfigError, match="nested too deeply"):
        loads("x = " + "[" * 100_000)


def test_what_was_built_in_python_is_checked_too() -> None:
    good = Config(
        services={"www": Service(mode="proxy", listen=":80", pool="web")},
        pools={"web": Pool(servers=(Server(address="10.0.0.1:80"),))},
    )
    assert verify(good) is good
    with pytest.raises(ConfigError) as refused:
        verify(good.model_copy(update={"admin": AdminConfig(listen="0.0.0.0:1")}), "my program")
    [problem] = refused.value.problems
    assert (problem.file, problem.line, problem.key) == ("my program", 0, "admin.listen")


def test_a_dumped_configuration_can_be_loaded_again() -> None:
    config = loads(GOOD)
    assert verify(Config.model_validate(config.model_dump())) == config


def test_secrets_are_read_when_the_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "token"
    text = f'{GOOD}[admin]\ntoken = {{ file = "{secret}" }}\n'
    assert "No such file" in str(inspect_text(text)[1])
    secret.write_text("")
    assert "found it empty" in str(inspect_text(text)[1])
    secret.write_text("hunter2\n")
    config = loads(text)
    assert config.admin.token == Secret(file=str(secret))
    assert config.admin.token.reveal() == b"hunter2"
    monkeypatch.setenv("STEELYARD_TEST_TOKEN", "")
    assert "found it empty" in str(inspect_text(GOOD + '[admin]\ntoken = { env = "STEELYARD_TEST_TOKEN" }')[1])


@pytest.mark.parametrize(
    "line",
    [
        'token = "hunter2"',
        "token = hunter2",
        "token = 'hunter2'",
        'token: "hunter2"',
        'tokn = "hunter2"',
        'token = "hunter2',
        "token = hunter2 hunter2",
        'token = ["hunter2"]',
        'token = "hunter2" "hunter2"',
        'token = { "hunter2" }',
        'token = { value = "hunter2" }',
        'token = """hunter2"""',
        'listen = 5\ntoken = "hunter2"',
        'password = "hunter2"',
    ],
)
def test_a_secret_is_in_no_message(line: str) -> None:
    _, problems = inspect_text(f"[admin]\n{line}\n")
    assert any(problem.severity == "error" for problem in problems)
    leaked = [problem for problem in problems if "hunter2" in repr(problem)]
    assert not leaked


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_secret_that_may_not_be_read(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("hunter2")
    secret.chmod(0)
    assert "Permission denied" in str(inspect_text(f'[admin]\ntoken = {{ file = "{secret}" }}')[1])
