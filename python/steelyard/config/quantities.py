"""Durations and sizes: the text of a file to seconds and bytes, and back.

Python code may give seconds; that a file must name the unit is the rule of ``types.Duration``.
"""

from __future__ import annotations

import math
import re

from steelyard.config.words import WrongValue, did_you_mean

DURATION_MAX = 3650 * 86400.0
"""Ten years: longer is a slip of the pen, and milliseconds stay far from the end of 64 bits."""
SIZE_MAX = 1 << 30
DURATION_EXPECTED = 'a duration with its unit, such as "500ms", "2s", "5m" or "1h"'
SIZE_EXPECTED = 'a size in bytes or with its unit, such as 8192, "16KiB" or "1MiB"'

DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)")
_PER_UNIT = {"ms": 1000, "s": 1}
_SECONDS = {"m": 60, "h": 3600, "d": 86400}
_LONG_UNITS = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d)[a-z]*", re.IGNORECASE)
SIZE = re.compile(r"([0-9]{1,12})(KiB|MiB|GiB)?")
_BYTES = {None: 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SIZE_LIKE = re.compile(r"([0-9]+)\s*([KMG])i?B?", re.IGNORECASE)


def parse_duration(value: object) -> float:
    """Seconds. A file gives a string with a unit (``"250ms"``, ``"2s"``, ``"1h"``); Python code may give seconds."""
    seconds = -1.0
    if isinstance(value, str) and (found := DURATION.fullmatch(value)):
        unit = found[2]
        seconds = float(found[1]) / _PER_UNIT[unit] if unit in _PER_UNIT else float(found[1]) * _SECONDS[unit]
    elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        seconds = float(value)
    if 0 <= seconds <= DURATION_MAX:
        return seconds
    if seconds > DURATION_MAX:
        raise WrongValue('a duration of at most ten years ("3650d")')
    raise WrongValue(DURATION_EXPECTED, did_you_mean(meant_duration(value)))


def format_duration(seconds: float) -> str:
    """The shortest text that ``parse_duration`` reads back: ``"500ms"``, ``"2s"``, ``"5m"``."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    number, unit = (seconds * 1000, "ms") if 0 < seconds < 1 else (seconds, "s")
    return f"{number:.6f}".rstrip("0").rstrip(".") + unit


def parse_size(value: object) -> int:
    """Bytes, from an integer or a string such as ``"16KiB"``."""
    size = -1
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    elif isinstance(value, str) and (found := SIZE.fullmatch(value)):
        size = int(found[1]) * _BYTES[found[2]]
    if 0 <= size <= SIZE_MAX:
        return size
    if size > SIZE_MAX:
        raise WrongValue('a size of at most "1GiB"')
    like = _SIZE_LIKE.fullmatch(value.strip()) if isinstance(value, str) else None
    raise WrongValue(SIZE_EXPECTED, did_you_mean(f'"{like[1]}{like[2].upper()}iB"') if like else "")


def format_size(size: int) -> str:
    """The shortest text that ``parse_size`` reads back: ``16KiB``, ``1000``."""
    for unit in ("GiB", "MiB", "KiB"):
        if size and size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]}{unit}"
    return str(size)


def meant_duration(value: object) -> str | None:
    """The text that somebody probably wanted who wrote ``2``, ``"2 seconds"`` or ``"2"``."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= DURATION_MAX:
        return f'"{format_duration(value)}"'
    if isinstance(value, str) and (found := _LONG_UNITS.fullmatch(value.strip())):
        return f'"{found[1]}{found[2].lower()}"'
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return f'"{value}s"'
    return None


def write_duration(value: object) -> str:
    """As it stands in a file."""
    return f'"{format_duration(value)}"' if isinstance(value, int | float) else repr(value)


def write_size(value: object) -> str:
    """As it stands in a file."""
    text = format_size(value) if isinstance(value, int) else repr(value)
    return text if text.isdigit() else f'"{text}"'
