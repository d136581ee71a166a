"""The value types of the configuration: durations, sizes, names, addresses, networks and secrets.

Each parses the text of the file into one plain Python value and refuses with a sentence that says what was expected.
Python code may give durations in seconds; a file must name the unit, because nobody remembers which one is meant.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema

from steelyard.config import status_codes
from steelyard.config.addresses import (
    LISTEN_EXPECTED,
    NETWORK_EXPECTED,
    SERVER_EXPECTED,
    is_loopback,
    join_host_port,
    parse_address,
    parse_listen_address,
    parse_network,
    split_host_port,
)
from steelyard.config.quantities import (
    DURATION,
    DURATION_EXPECTED,
    SIZE,
    SIZE_EXPECTED,
    format_duration,
    format_size,
    meant_duration,
    parse_duration,
    parse_size,
    write_duration,
    write_size,
)
from steelyard.config.secret import Secret
from steelyard.config.words import Word, WrongValue, did_you_mean, matching, nearest

__all__ = [
    "FROM_FILE",
    "Address",
    "Duration",
    "ListenAddress",
    "Name",
    "Network",
    "Secret",
    "Size",
    "format_duration",
    "format_size",
    "is_loopback",
    "join_host_port",
    "parse_address",
    "parse_duration",
    "parse_listen_address",
    "parse_network",
    "parse_size",
    "split_host_port",
]

FROM_FILE = {"file": True}
"""The validation context of values that come from a file."""


def parse_log_target(value: object) -> str:
    """``off``, ``stdout``, ``stderr`` or a path, known by its slash, so that a misspelt word is no file."""
    words = ("off", "stdout", "stderr")
    expected = '"off", "stdout", "stderr" or the path of a file with a slash'
    if not isinstance(value, str) or "\0" in value:
        raise WrongValue(expected, did_you_mean('"off"') if value is False else "")
    if value in words or ("/" in value and not value.endswith("/")):
        return value
    near = nearest(value, words)
    raise WrongValue(expected, did_you_mean(f'"{near or "./" + value}"' if value.strip("/") else None))


def _duration(value: object, info: ValidationInfo) -> float:
    if info.context == FROM_FILE and not isinstance(value, str):
        raise WrongValue(DURATION_EXPECTED, did_you_mean(meant_duration(value)))
    return parse_duration(value)


_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_TOKEN_EXPECTED = "letters, digits and !#$%&'*+-.^_`|~ only (a token of RFC 9110 §5.6.2)"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,62}")
_ID = re.compile(r"[\x21-\x7e]{0,200}")
_HOST_FIELD = re.compile(r"[A-Za-z0-9._\-\[\]:]{0,255}")
_TARGET = re.compile(r"/[\x21\x22\x24-\x7e]*")
_NAME_EXPECTED = 'a name of at most 63 letters, digits, "_", "-" and "."'
_ID_EXPECTED = "an id of at most 200 printable ASCII characters without spaces"
_HOST_EXPECTED = 'a host such as "www.example.org" or "www.example.org:8080"'
_TARGET_EXPECTED = 'a path that begins with "/" and has no space and no "#"'

Duration = Annotated[
    float,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": f"^{DURATION.pattern}$", "examples": ["500ms", "2s", "5m"]}),
    Word("duration", DURATION_EXPECTED, write_duration),
]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^{SIZE.pattern}$"}]}),
    Word("size", SIZE_EXPECTED, write_size),
]
Address = Annotated[str, BeforeValidator(parse_address), Word("address", SERVER_EXPECTED)]
ListenAddress = Annotated[str, BeforeValidator(parse_listen_address), Word("address", LISTEN_EXPECTED)]
Network = Annotated[str, BeforeValidator(parse_network), Word("network", NETWORK_EXPECTED)]
LogTarget = Annotated[str, BeforeValidator(parse_log_target), Word("target", "a target of the log")]
StatusExpression = Annotated[
    str, BeforeValidator(status_codes.check_status_codes), Word("status codes", status_codes.EXPECTED)
]


def _text(pattern: re.Pattern[str], name: str, expected: str) -> tuple[BeforeValidator, WithJsonSchema, Word]:
    schema = WithJsonSchema({"type": "string", "pattern": f"^{pattern.pattern}$"})
    return BeforeValidator(matching(pattern, expected)), schema, Word(name, expected)


Name = Annotated[str, *_text(_NAME, "name", _NAME_EXPECTED)]
PoolName = Annotated[str, Word("name", "the name of a pool")]
Id = Annotated[str, *_text(_ID, "id", _ID_EXPECTED)]
HostField = Annotated[str, *_text(_HOST_FIELD, "host", _HOST_EXPECTED)]
Target = Annotated[str, *_text(_TARGET, "path", _TARGET_EXPECTED)]
FieldName = Annotated[str, *_text(re.compile(_TOKEN + "*"), "token", _TOKEN_EXPECTED)]
CookieName = Annotated[str, *_text(re.compile(_TOKEN + "+"), "token", _TOKEN_EXPECTED)]
