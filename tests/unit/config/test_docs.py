"""Every example of the documentation and of ``examples`` is a file that loads."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from steelyard.config.load import inspect_text
from steelyard.config.model import Pool

ROOT = Path(__file__).parents[3]


def examples() -> Iterator[object]:
    for page in sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]):
        for number, text in enumerate(
            re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL), 1
        ):
            yield pytest.param(text, id=f"{page.relative_to(ROOT)}, {number}")
    for path in sorted((ROOT / "examples").rglob("*.toml")):
        yield pytest.param(path.read_text(), id=str(path.relative_to(ROOT)))


EXAMPLES = list(examples())


@pytest.mark.parametrize("text", EXAMPLES)
def test_it_loads(text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Fragments may leave parts out, so that their warnings do not count; secrets that they name are provided."""
    if not re.search(r"^\[", text, re.MULTILINE):
        word = re.match(r"(?:\s*#.*\n)*\s*(\w+)", text)
        text = f"[{'pools.web' if word and word[1] in Pool.model_fields else 'services.www'}]\n{text}"
    for name in re.findall(r'env = "(\w+)"', text):
        monkeypatch.setenv(name, "a secret")
    (tmp_path / "secret").write_text("a secret")
    text = re.sub(r'\{ file = "[^"]+" \}', f'{{ file = "{tmp_path}/secret" }}', text)
    _, problems = inspect_text(text)
    missing = ("expected the name of a pool", "found nothing")
    errors = [str(each) for each in problems if each.severity == "error" and not any(map(each.message.count, missing))]
    assert errors == []


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5
