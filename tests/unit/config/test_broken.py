"""Files broken at random: something is always said, in place, and nothing ever breaks in turn."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard.config.fields import Slot, slot_of
from steelyard.config.load import inspect_text
from steelyard.config.model import Config
from steelyard.config.reference import EXAMPLE

pieces = st.one_of(st.sampled_from(list("[]{}\"'=,.#\n -_:\\0aé\t\r\x00")), st.sampled_from(["[[", '"""', " = ", "3s"]))
edits = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), pieces), min_size=1, max_size=6)


@settings(max_examples=150)
@given(edits)
def test_a_file_with_random_slips(changes: list[tuple[float, int, str]]) -> None:
    text = EXAMPLE
    for where, deleted, piece in changes:
        at = int(where * len(text))
        text = text[:at] + piece + text[at + deleted :]
    in_order_and_in_place(text)


scalars = st.one_of(
    st.integers(-5, 100_000),
    st.booleans(),
    st.sampled_from([0.5, 4.0, "nan", "2s", "10.0.0.1:80", "[::1]:80", "", "tcp", "source", "web", "é\n", "200-299"]),
)
anything = st.one_of(scalars, st.lists(scalars, max_size=2), st.dictionaries(st.sampled_from(["env", "x"]), scalars))


WHOLE = Slot(Config)


@st.composite
def documents(draw: Any, slot: Slot = WHOLE) -> Any:
    """A document of the right shape here and there, with right and wrong values."""
    if draw(st.integers(0, 9)) == 0:
        return draw(anything)
    if slot.items is not None:
        inner = documents(slot.items)
        if not slot.is_named_parts:
            return draw(st.lists(inner, max_size=3))
        return draw(st.dictionaries(st.sampled_from(["web", "www", "a b", "ü"]), inner, max_size=2))
    if slot.model is None:
        return draw(st.sampled_from(slot.choices)) if slot.choices and draw(st.booleans()) else draw(scalars)
    words = draw(
        st.lists(st.sampled_from([*slot.model.model_fields, "wieght", "zone", "pool"]), unique=True, max_size=5)
    )
    fields = slot.model.model_fields
    return {word: draw(documents(slot_of(fields[word])) if word in fields else anything) for word in words}


def written(value: Any) -> str:
    """As inline TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {written(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return value if value == "nan" else json.dumps(value)


@settings(max_examples=150)
@given(documents())
def test_a_file_with_random_values(document: Any) -> None:
    if isinstance(document, dict):
        in_order_and_in_place("".join(f"{name} = {written(value)}\n" for name, value in document.items()))


def in_order_and_in_place(text: str) -> None:
    config, problems = inspect_text(text)
    assert (config is None) == any(problem.severity == "error" for problem in problems)
    lines = text.replace("\r\n", "\n").split("\n")
    assert [problem.line for problem in problems] == sorted(problem.line for problem in problems)
    for problem in problems:
        assert problem.message
        assert 0 <= problem.line <= len(lines)
        assert 0 <= problem.column <= len(problem.source) + 1
        str(problem)
    assert len({(each.line, each.column, each.key, each.message) for each in problems}) == len(problems)
