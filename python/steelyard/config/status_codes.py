"""Which HTTP status codes a probe takes as good: codes and ranges such as ``200-399`` or ``200,204,300-399``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from steelyard.config.words import WrongValue, did_you_mean

_PART = re.compile(r"([0-9]{3})(?:-([0-9]{3}))?")
_CLASS = re.compile(r"([1-5])xx", re.IGNORECASE)
EXPECTED = 'status codes and ranges from 100 to 599, such as "200-399" or "200,204"'


@dataclass(frozen=True, slots=True)
class StatusCodes:
    """A set of codes as inclusive ranges: ``204 in StatusCodes(((200, 299),))``."""

    ranges: tuple[tuple[int, int], ...]

    def __contains__(self, code: object) -> bool:
        return isinstance(code, int) and any(low <= code <= high for low, high in self.ranges)

    def __str__(self) -> str:
        return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in self.ranges)


def parse_status_codes(value: object) -> StatusCodes:
    """Codes and inclusive ranges, separated by commas; the codes are those of RFC 9110 §15."""
    if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599:
        raise WrongValue(EXPECTED, did_you_mean(f'"{value}"'))
    if not isinstance(value, str):
        raise WrongValue(EXPECTED)
    if _CLASS.search(value):
        raise WrongValue(EXPECTED, did_you_mean('"' + _CLASS.sub(r"\g<1>00-\g<1>99", value) + '"'))
    ranges = []
    for part in value.split(","):
        found = _PART.fullmatch(part.strip())
        if found is None:
            raise WrongValue(EXPECTED)
        low, high = int(found[1]), int(found[2] or found[1])
        if not (100 <= low <= 599 and 100 <= high <= 599):
            raise WrongValue(EXPECTED)
        if low > high:
            raise WrongValue(EXPECTED, did_you_mean(f'"{high}-{low}"'))
        ranges.append((low, high))
    return StatusCodes(tuple(ranges))


def check_status_codes(value: object) -> str:
    """The validator of ``probe.status``: the text in its normal form, without spaces."""
    return str(parse_status_codes(value))
