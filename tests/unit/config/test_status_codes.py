import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.config.status_codes import StatusCodes, parse_status_codes
from steelyard.config.words import WrongValue

codes = st.integers(100, 599)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("200-399", (200, 204, 399), (199, 400)),
        ("200", (200,), (199, 201)),
        ("200, 204,300-399", (200, 204, 304), (201, 203, 400)),
    ],
)
def test_codes_and_ranges(text: str, inside: tuple[int, ...], outside: tuple[int, ...]) -> None:
    good = parse_status_codes(text)
    assert all(code in good for code in inside)
    assert not any(code in good for code in outside)


@pytest.mark.parametrize(
    ("value", "cure"),
    [
        (200, 'did you mean "200"?'),
        ("2xx", 'did you mean "200-299"?'),
        ("2xx,3XX", 'did you mean "200-299,300-399"?'),
        ("399-200", 'did you mean "200-399"?'),
        ("", ""),
        ("200,", ""),
        ("99", ""),
        ("600", ""),
        ("200-600", ""),
        (True, ""),
        ("ok", ""),
    ],
)
def test_what_is_no_set_of_codes(value: object, cure: str) -> None:
    with pytest.raises(WrongValue) as refused:
        parse_status_codes(value)
    assert refused.value.cure == cure


@given(st.lists(st.tuples(codes, codes).map(lambda pair: (min(pair), max(pair))), min_size=1, max_size=5), codes)
def test_what_is_written_is_read_back(ranges: list[tuple[int, int]], code: int) -> None:
    good = StatusCodes(tuple(ranges))
    assert parse_status_codes(str(good)) == good
    assert (code in good) == any(code in range(low, high + 1) for low, high in ranges)
