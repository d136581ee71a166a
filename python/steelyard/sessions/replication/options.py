"""What a ``replicated://`` URL says, and what zenoh is told of it. Pure but for the secret, read where it is named.

``replicated://NAME@HOST:PORT?peers=HOST:PORT,HOST:PORT&copies=2&cluster=NAME&secret_env=VARIABLE``
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from steelyard.sessions.errors import StoreMisconfigured

LEASE_MS = 4000
"""How long a silent link is believed in: a member that hangs, rather than dies, is missed after this."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_KNOWN = {"peers", "copies", "cluster", "secret_env", "timeout", "join", "ca", "cert", "key"}


@dataclass(frozen=True)
class Options:
    """One member. ``copies`` 0 means all; ``join`` is how long to look for others before it begins alone (seconds)."""

    name: str
    listen: str
    peers: tuple[str, ...] = ()
    copies: int = 2
    cluster: str = "steelyard"
    secret: str = field(default="", repr=False)
    timeout: float = 2.0
    join: float = 5.0
    ca: str = ""
    cert: str = ""
    key: str = field(default="", repr=False)


def from_url(url: str, environment: Mapping[str, str]) -> Options:
    """Raises ``StoreMisconfigured`` with what to write instead."""
    parts = urlsplit(url)
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(asked.keys() - _KNOWN):
        raise StoreMisconfigured(f"replicated:// has no option {unknown[0]}: known are {', '.join(sorted(_KNOWN))}")
    try:
        port = parts.port
    except ValueError:
        port = None
    cluster, listen = asked.get("cluster", "steelyard"), parts.netloc.rpartition("@")[2]
    if not (_NAME.fullmatch(parts.username or "") and _NAME.fullmatch(cluster) and parts.hostname and port):
        raise StoreMisconfigured(
            "expected replicated://NAME@HOST:PORT, names of letters, digits, '.', '_' and '-', and the port on which "
            f"this member listens; found name {parts.username or ''!r}, {listen!r}, cluster {cluster!r}"
        )
    copies = asked.get("copies", "2")
    if copies != "all" and not (copies.isdecimal() and int(copies) >= 2):
        raise StoreMisconfigured(f"expected copies=all or a number from 2, found {copies!r}")
    variable = asked.get("secret_env", "")
    if variable and not environment.get(variable):
        raise StoreMisconfigured(f"secret_env={variable}: set this environment variable to the cluster's secret")
    try:
        timeout, join = float(asked.get("timeout", "2")), float(asked.get("join", "5"))
    except ValueError:
        raise StoreMisconfigured("timeout and join are seconds") from None
    return Options(
        name=parts.username or "",
        listen=listen,
        peers=tuple(peer for peer in asked.get("peers", "").split(",") if peer),
        copies=0 if copies == "all" else int(copies),
        cluster=cluster,
        secret=environment[variable] if variable else "",
        timeout=timeout,
        join=join,
        ca=asked.get("ca", ""),
        cert=asked.get("cert", ""),
        key=asked.get("key", ""),
    )


def password(options: Options) -> str:
    """What links authenticate with: derived, so that the secret itself is given to nobody."""
    return hmac.digest(options.secret.encode(), f"steelyard {options.cluster}".encode(), "sha256").hex()


def transport(options: Options) -> dict[str, Any]:
    """The settings of zenoh: a peer that listens, connects to the others, and never scouts by multicast."""
    scheme = "tls" if options.cert else "tcp"
    settings: dict[str, Any] = {
        "mode": "peer",
        "listen/endpoints": [f"{scheme}/{options.listen}"],
        "connect/endpoints": [f"{scheme}/{peer}" for peer in options.peers if peer != options.listen],
        "connect/timeout_ms": -1,
        "connect/exit_on_failure": False,
        "connect/retry": {"period_init_ms": 100, "period_max_ms": 1000, "period_increase_factor": 2},
        "scouting/multicast/enabled": False,
        "scouting/gossip/enabled": True,
        "transport/link/tx/lease": LEASE_MS,
    }
    if options.cert:
        tls = "transport/link/tls/"
        settings |= {
            tls + "root_ca_certificate": options.ca,
            tls + "listen_certificate": options.cert,
            tls + "listen_private_key": options.key,
            tls + "connect_certificate": options.cert,
            tls + "connect_private_key": options.key,
            tls + "enable_mtls": True,
        }
    return settings
