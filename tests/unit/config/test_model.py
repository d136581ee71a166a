import pytest
from pydantic import ValidationError

from steelyard.config.model import AdminConfig, Affinity, Config, Pool, Probe, Server, Service
from steelyard.config.types import FROM_FILE, Secret


def whole() -> Config:
    """A configuration that uses every part."""
    return Config(
        services={"www": Service(mode="proxy", listen=":80", pool="web", trusted_proxies=("10.0.0.0/8",))},
        pools={
            "web": Pool(
                algorithm="maglev",
                servers=(Server(address="10.0.0.1:80"), Server(id="b", address="unix:/run/b", weight=3)),
                probe=Probe(type="http", status="200, 204", interval=0.25),
                affinity=Affinity(by="cookie", key=Secret(env="KEY")),
                slow_start=30.0,
            )
        },
        admin=AdminConfig(token=Secret(file="/run/token")),
    )


def test_an_id_is_the_address_when_left_out() -> None:
    assert Server(address="[2001:DB8::1]:80").id == "[2001:db8::1]:80"
    assert Server(address="10.0.0.1:80", id="a").id == "a"
    assert Server.model_validate({"address": "10.0.0.1:80", "id": ""}).id == "10.0.0.1:80"


def test_dumped_and_validated_again_it_is_the_same() -> None:
    assert Config.model_validate(whole().model_dump()) == whole()
    assert Config.model_validate_json(whole().model_dump_json()) == whole()
    assert Config.model_validate(Config().model_dump()) == Config()


def test_nothing_is_converted_silently() -> None:
    for wrong in ({"weight": "5"}, {"weight": 5.0}, {"weight": True}, {"backup": "yes"}, {"backup": 1}, {"id": 7}):
        with pytest.raises(ValidationError):
            Server.model_validate({"address": "10.0.0.1:80", **wrong})


def test_seconds_are_for_python_code_only() -> None:
    assert Probe.model_validate({"interval": 2}).interval == 2.0
    with pytest.raises(ValidationError, match='did you mean "2s"'):
        Probe.model_validate({"interval": 2}, context=FROM_FILE)


def test_a_configuration_never_changes() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        whole().pools["web"].servers[0].weight = 2  # type: ignore[misc]


def test_a_secret_is_revealed_from_its_place(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("STEELYARD_TEST_SECRET", "s3cret")
    assert Secret(env="STEELYARD_TEST_SECRET").reveal() == b"s3cret"
    for wrong in ({}, {"env": "", "file": ""}, {"env": "A", "file": "/b"}, "s3cret", {"environment": "A"}):
        with pytest.raises(ValidationError):
            Secret.model_validate(wrong)
