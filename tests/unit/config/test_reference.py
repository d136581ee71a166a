import re
from pathlib import Path

from steelyard.config.load import inspect_text
from steelyard.config.model import Config
from steelyard.config.reference import EXAMPLE, VALUES, page
from steelyard.config.schema import models

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "configuration.md"


def test_the_committed_page_is_up_to_date() -> None:
    """If this fails: ``python -m steelyard.config.reference > docs/reference/configuration.md``."""
    assert PAGE.read_text() == page()


def test_every_word_has_a_row() -> None:
    for model in models(Config):
        for word in model.model_fields:
            assert f"| `{word}` |" in page() or model.__name__ == "Secret"


def test_every_type_is_explained() -> None:
    explained = {name for name, _, _ in VALUES} | {"table", "tables by name", "text", "true or false"}
    for row in re.findall(r"^\| `\w+` \| ([^|]+) \|", page().partition("## Values")[0], re.MULTILINE):
        plain = row.removeprefix("array of ").removesuffix("s") if row.startswith("array of") else row
        assert plain in explained or plain.startswith(("integer", "number", "`")), row


def test_the_example_has_no_problem() -> None:
    assert inspect_text(EXAMPLE)[1] == ()
