import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.config.quantities import format_duration, format_size, parse_duration, parse_size
from steelyard.config.words import WrongValue


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("700ms", 0.7), ("2s", 2), ("1.5s", 1.5), ("5m", 300), ("1h", 3600), ("2d", 172800), ("0s", 0)],
)
def test_a_duration_has_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


def test_python_code_gives_seconds() -> None:
    assert parse_duration(2) == 2.0
    assert parse_duration(0.25) == 0.25


@pytest.mark.parametrize(
    ("value", "cure"),
    [
        ("2", 'did you mean "2s"?'),
        ("2 seconds", 'did you mean "2s"?'),
        ("10 min", 'did you mean "10m"?'),
        ("3H", 'did you mean "3h"?'),
        ("soon", ""),
        ("-1s", ""),
        ("1s2s", ""),
        (-1, ""),
        (True, ""),
        (None, ""),
        (float("inf"), ""),
        (float("nan"), ""),
        ("4000d", ""),
    ],
)
def test_what_is_no_duration(value: object, cure: str) -> None:
    with pytest.raises(WrongValue) as refused:
        parse_duration(value)
    assert refused.value.cure == cure


@given(st.integers(min_value=0, max_value=315_360_000_000))
def test_a_duration_survives_being_written(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (0.5, "500ms"), (90, "90s"), (300, "5m"), (86400, "1d")])
def test_a_duration_is_written_with_its_longest_whole_unit(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(("value", "size"), [(0, 0), ("512", 512), ("16KiB", 16384), ("1MiB", 1 << 20)])
def test_a_size(value: object, size: int) -> None:
    assert parse_size(value) == size


@pytest.mark.parametrize(
    ("value", "cure"),
    [("16k", 'did you mean "16KiB"?'), ("8MB", 'did you mean "8MiB"?'), ("big", ""), (True, ""), (1.5, ""), (-1, "")],
)
def test_what_is_no_size(value: object, cure: str) -> None:
    with pytest.raises(WrongValue) as refused:
        parse_size(value)
    assert refused.value.cure == cure


@given(st.integers(min_value=0, max_value=1 << 30))
def test_a_size_survives_being_written(size: int) -> None:
    assert parse_size(format_size(size)) == size
