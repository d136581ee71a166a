"""Two listeners on one address: refused here, because sockets that share ports would not complain."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from steelyard.config.finding import Finding
from steelyard.config.locate import Path, format_path
from steelyard.config.model import Config
from steelyard.config.types import split_host_port


def findings(config: Config) -> Iterator[Finding]:
    before: dict[int, list[tuple[str, str, Path]]] = {}
    for path, listen in _listeners(config):
        host, port = split_host_port(listen)
        if port == 0:
            continue  # the kernel gives each its own
        for other, text, where in before.get(port, []):
            if _collide(host, other):
                message = f"expected an address of its own, found {listen}, and {format_path(where)} has {text}"
                yield Finding(path, message, "give one of the two another port or another address", reads=(where,))
                break
        before.setdefault(port, []).append((host, listen, path))


def _listeners(config: Config) -> Iterator[tuple[Path, str]]:
    yield ("admin", "listen"), config.admin.listen
    for name, service in config.services.items():
        yield ("services", name, "listen"), service.listen


def _collide(one: str, other: str) -> bool:
    """The same address, or one that holds the other; ``[::]`` takes IPv4 as well (RFC 3493 §3.7)."""
    if one.lower() == other.lower():
        return True
    return _holds(one, other) or _holds(other, one)


def _holds(wide: str, narrow: str) -> bool:
    if wide == "::":
        return True
    return wide == "0.0.0.0" and _version(narrow) != 6


def _version(host: str) -> int:
    """4 for a host name too: it may be one, and asking is not for here."""
    try:
        return ipaddress.ip_address(host).version
    except ValueError:
        return 4
