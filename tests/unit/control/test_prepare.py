"""What must be found out before a configuration is reduced: keys, listeners' names, servers' names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from steelyard.config.model import Config
from steelyard.control.events import Resolution
from steelyard.control.prepare import prepare
from steelyard.discovery.lookup import Answer
from steelyard.discovery.resolver import Resolver
from steelyard.errors import ConfigError


async def known(host: str) -> Answer:
    return Answer(("10.1.1.1",), 60) if host == "app.example" else Answer((), 60, f"{host}: no such name")


def config(listen: str = "127.0.0.1:0", **pool: Any) -> Config:
    return Config.model_validate(
        {"services": {"www": {"mode": "proxy", "listen": listen, "pool": "web"}}, "pools": {"web": pool}}
    )


async def prepared(configuration: Config) -> Any:
    return await prepare(configuration, Resolver(lambda _: None, known), b"random", "steelyard.toml")


async def test_names_are_resolved_and_unresolved_ones_are_no_fault() -> None:
    servers = [{"address": "app.example:80"}, {"address": "gone.example:80"}, {"address": "10.0.0.1:80"}]
    event = await prepared(config(servers=servers))
    assert event.names == {
        "app.example": Resolution("app.example", ("10.1.1.1",)),
        "gone.example": Resolution("gone.example", (), "gone.example: no such name"),
    }


async def test_keys_come_from_where_the_file_says_or_are_random(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEELYARD_TEST_KEY", "from the environment")
    (tmp_path / "key").write_text("from a file\n")
    sources: list[tuple[dict[str, str] | None, bytes]] = [
        ({"env": "STEELYARD_TEST_KEY"}, b"from the environment"),
        ({"file": str(tmp_path / "key")}, b"from a file"),
        (None, b"random"),
    ]
    for source, key in sources:
        event = await prepared(config(affinity={"by": "cookie", "key": source}))
        assert event.keys == {"web": key}


async def test_a_secret_that_is_not_there_is_a_problem_with_its_place() -> None:
    with pytest.raises(ConfigError) as caught:
        await prepared(config(affinity={"by": "cookie", "key": {"env": "STEELYARD_TEST_NO_SUCH_KEY"}}))
    [problem] = caught.value.problems
    assert (problem.file, problem.key) == ("steelyard.toml", "pools.web.affinity.key")


async def test_listeners_may_have_names() -> None:
    assert (await prepared(config("localhost:8080"))).listens in (
        {"www": "127.0.0.1:8080"},
        {"www": "[::1]:8080"},
    )
    assert (await prepared(config("[::1]:8080"))).listens == {"www": "[::1]:8080"}
    with pytest.raises(ConfigError, match=r"services\.www\.listen"):
        await prepared(config("no-such-host.invalid:8080"))
