"""The value types of the configuration: durations, sizes, addresses, networks and secrets.

Each parses the text of the file into one plain Python value and refuses with a sentence that says what was expected.
"""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema, model_validator

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h|d)$")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"^(\d+)(KiB|MiB|GiB)?$")
_BYTES = {None: 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_HOST_NAME = re.compile(
    r"^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*\.?$"
)


def parse_duration(value: object) -> float:
    """Seconds. A file gives a string with a unit (``"250ms"``, ``"2s"``, ``"1h"``); Python code may give seconds."""
    if isinstance(value, str) and (found := _DURATION.match(value)):
        return float(found[1]) * _SECONDS[found[2]]
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    raise ValueError('expected a duration with its unit, such as "500ms", "2s", "5m" or "1h"')


def parse_size(value: object) -> int:
    """Bytes, from an integer or a string such as ``"16KiB"``."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and (found := _SIZE.match(value)):
        return int(found[1]) * _BYTES[found[2]]
    raise ValueError('expected a size in bytes or with its unit, such as 8192, "16KiB" or "1MiB"')


def split_host_port(text: str) -> tuple[str, int]:
    """``host:port`` or ``[v6]:port`` as (host, port); the host is an address literal or a host name, without brackets."""
    host, separator, port = text.rpartition(":")
    if not separator or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError('expected "host:port" or "[v6]:port" with a port from 0 to 65535')
    if host.startswith("[") and host.endswith("]"):
        return str(ipaddress.IPv6Address(host[1:-1])), int(port)
    if ":" in host:
        raise ValueError('an IPv6 address stands in brackets: "[2001:db8::1]:80"')
    if not host or not _HOST_NAME.match(host):
        raise ValueError(f"{host!r} is not an IPv4 address, a bracketed IPv6 address or a host name")
    return host, int(port)


def parse_address(value: object) -> str:
    """A server's address: ``host:port``, ``[v6]:port`` or ``unix:/path``, in its normal form."""
    if not isinstance(value, str):
        raise ValueError('expected "host:port", "[v6]:port" or "unix:/path"')
    if value.startswith("unix:"):
        if not value.startswith("unix:/") or len(value) > 5 + 107 or "\0" in value:
            raise ValueError('expected "unix:" and an absolute path of at most 107 bytes')
        return value
    host, port = split_host_port(value)
    if port == 0:
        raise ValueError("a server's port is from 1 to 65535")
    return join_host_port(host, port)


def parse_listen_address(value: object) -> str:
    """Where we listen: ``host:port``, ``[v6]:port`` or ``:port`` (every address); port 0 takes a free one."""
    if not isinstance(value, str):
        raise ValueError('expected "host:port", "[v6]:port" or ":port"')
    host, port = split_host_port("0.0.0.0" + value if value.startswith(":") and value.count(":") == 1 else value)
    return join_host_port(host, port)


def join_host_port(host: str, port: int) -> str:
    """The inverse of ``split_host_port``: brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_network(value: object) -> str:
    """An address or a CIDR network such as ``10.0.0.0/8``, in its normal form."""
    if not isinstance(value, str):
        raise ValueError('expected an address or a network such as "10.0.0.0/8"')
    try:
        return str(ipaddress.ip_network(value))
    except ValueError as error:
        raise ValueError(f'expected an address or a network such as "10.0.0.0/8": {error}') from None


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": "string", "pattern": _DURATION.pattern, "examples": ["500ms", "2s", "5m"]}),
]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": _SIZE.pattern}]}),
]
Address = Annotated[str, BeforeValidator(parse_address)]
ListenAddress = Annotated[str, BeforeValidator(parse_listen_address)]
Network = Annotated[str, BeforeValidator(parse_network)]


class Secret(BaseModel):
    """A secret, from the environment or a file, never written into the configuration itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    env: str = ""
    file: str = ""

    @model_validator(mode="before")
    @classmethod
    def _one_source(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError('a secret is not written here: use { env = "NAME" } or { file = "/path" }')
        if isinstance(value, dict) and len(value) != 1:
            raise ValueError('expected exactly one of { env = "NAME" } and { file = "/path" }')
        return value

    def reveal(self) -> bytes:
        """The secret's bytes, without a final newline. Raises ``LookupError`` or ``OSError`` when it is not there."""
        if self.env:
            return os.environb[self.env.encode()]
        return Path(self.file).read_bytes().rstrip(b"\r\n")
