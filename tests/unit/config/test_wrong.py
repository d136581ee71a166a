"""Wrong files and the exact message of each: ``wrong/*.cases`` hold a title, the file, and what is said of it.

The errors of a case are complete and in order; warnings are compared in ``warnings.cases`` only, so that the other
files can be short.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from steelyard.config.load import inspect_text, loads
from steelyard.errors import ConfigError

FOLDER = Path(__file__).parent / "wrong"


def cases() -> Iterator[object]:
    for path in sorted(FOLDER.glob("*.cases")):
        for case in path.read_text().split("=== ")[1:]:
            title, _, rest = case.partition("\n")
            text, _, expected = rest.partition("---\n")
            yield pytest.param(text, expected.strip().splitlines(), path.stem, id=f"{path.stem}: {title}")


CASES = list(cases())


@pytest.mark.parametrize(("text", "expected", "group"), CASES)
def test_a_wrong_file_gets_these_messages(text: str, expected: list[str], group: str) -> None:
    _, problems = inspect_text(text, "FILE")
    shown = [problem for problem in problems if problem.severity == "error" or group == "warnings"]
    assert [str(problem).removeprefix("FILE:").strip() for problem in shown] == expected
    assert expected


@pytest.mark.parametrize(("text", "expected", "group"), CASES)
def test_errors_are_raised_and_warnings_are_not(text: str, expected: list[str], group: str) -> None:
    if group == "warnings":
        loads(text, "FILE")
        return
    with pytest.raises(ConfigError) as refused:
        loads(text, "FILE")
    assert str(refused.value).splitlines() == [f"FILE:{line}" for line in expected]


@pytest.mark.parametrize(("text", "expected", "group"), CASES)
def test_the_mark_is_within_the_line_shown(text: str, expected: list[str], group: str) -> None:
    for problem in inspect_text(text, "FILE")[1]:
        if problem.line:
            assert problem.source
            assert 1 <= problem.column <= len(problem.source) + 1
            assert problem.length >= 1
            assert problem.column + problem.length <= len(problem.source) + 2


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 60
