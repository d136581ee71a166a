"""The exported schema, judged by a validator that others wrote."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from steelyard.config.fields import slot_of
from steelyard.config.load import inspect_text
from steelyard.config.model import Config
from steelyard.config.reference import EXAMPLE
from steelyard.config.schema import default, json_schema, models

SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
WRONG = Path(__file__).parent / "wrong"


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_it_accepts_what_we_accept() -> None:
    VALIDATOR.validate(tomllib.loads(EXAMPLE))
    VALIDATOR.validate({})


@pytest.mark.parametrize("group", ["keys", "values"])
def test_it_refuses_wrong_keys_and_most_wrong_values(group: str) -> None:
    """Formats that a schema cannot say (addresses, sets of status codes) are left to ``check``."""
    unsaid = ("address", "network", "codes", "token", "host", "log", "above", "ten years", "found nan", "found 4.0")
    for case in (WRONG / f"{group}.cases").read_text().split("=== ")[1:]:
        text, _, messages = case.partition("\n")[2].partition("---\n")
        if not any(word in messages for word in unsaid):
            assert not VALIDATOR.is_valid(tomllib.loads(text)), case


def parts() -> list[Any]:
    named = {model.__name__: model for model in models(Config)}
    return [(SCHEMA, Config), *((SCHEMA["$defs"][name], named[name]) for name in SCHEMA["$defs"])]


@pytest.mark.parametrize(("part", "model"), parts(), ids=lambda each: getattr(each, "__name__", ""))
def test_every_word_is_described_and_its_default_valid(part: dict[str, Any], model: Any) -> None:
    assert part["description"]
    for name, field in model.model_fields.items():
        word = part["properties"][name]
        resolved = SCHEMA["$defs"][word["$ref"].rpartition("/")[2]] if "$ref" in word else word
        assert word.get("description") or resolved["description"], name
        assert "``" not in str(word)
        if "default" in word:
            assert word["default"] == default(slot_of(field), field.default)
            Draft202012Validator({**word, "$defs": SCHEMA["$defs"]}).validate(word["default"])


def test_defaults_of_the_schema_are_those_of_the_file() -> None:
    """Writing down every default changes nothing."""
    probe = {
        name: word["default"] for name, word in SCHEMA["$defs"]["Probe"]["properties"].items() if "default" in word
    }
    assert probe["interval"] == "2s"
    text = "[pools.web.probe]\n" + "".join(
        f"{name} = {value if isinstance(value, int) else repr(value)}\n" for name, value in probe.items()
    )
    written, bare = inspect_text(text)[0], inspect_text("pools.web.probe = {}")[0]
    assert written is not None
    assert written == bare
