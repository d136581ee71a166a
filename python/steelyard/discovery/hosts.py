"""The hosts file (hosts(5)): names that need no DNS. ``localhost`` is always the loopback (RFC 6761 §6.3)."""

from __future__ import annotations

import contextlib
import ipaddress
from pathlib import Path

HOSTS = Path("/etc/hosts")
LOOPBACK = ("127.0.0.1", "::1")


def look_up(host: str, file: Path = HOSTS) -> tuple[str, ...]:
    """The addresses of a name, IPv4 before IPv6, else in the file's order; empty when the file does not know it."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return LOOPBACK
    with contextlib.suppress(OSError):
        found = [address for address, names in parse(file.read_text(errors="replace")) if name in names]
        return tuple(sorted(dict.fromkeys(found), key=lambda address: ":" in address))
    return ()


def parse(text: str) -> list[tuple[str, frozenset[str]]]:
    """Each line's address and names; lines that mean nothing are passed over, as the C library does."""
    lines = []
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        with contextlib.suppress(ValueError):
            normal = str(ipaddress.ip_address(address))
            lines.append((normal, frozenset(name.rstrip(".").lower() for name in names)))
    return lines
