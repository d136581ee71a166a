"""The probes: each asks one server once and says, in a sentence, what it found. A probe never raises.

``ask`` chooses the probe, holds it to its timeout and turns every error into an outcome; ``tcp`` and ``http`` only ask.
"""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from steelyard.config.types import join_host_port, split_host_port
from steelyard.control.state import Target
from steelyard.health.probes import http, tcp
from steelyard.health.probes.bad import BadAnswer

PROBES: Final[Mapping[str, Callable[[Target], Awaitable[str]]]] = {"tcp": tcp.connect, "http": http.exchange}
"""By ``probe.type``. Each returns what it found ("200"), and raises ``BadAnswer`` or an ``OSError``."""

OURS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
"""Errors of this machine: no descriptor, memory or port was left to ask with."""


@dataclass(frozen=True, slots=True)
class Outcome:
    good: bool
    note: str
    """Such as "200 in 3 ms" or "connection refused"."""


async def ask(target: Target) -> Outcome | None:
    """Probe once. None: it could not even be asked, which says nothing of the server. Only a cancellation leaves this
    function as an exception."""
    target = _at_port(target)
    started = time.monotonic()
    try:
        async with asyncio.timeout(target.probe.timeout):
            found = await PROBES[target.probe.type](target)
    except TimeoutError:
        return Outcome(False, f"no answer within {_duration(target.probe.timeout)}")
    except BadAnswer as error:
        return Outcome(False, str(error))
    except OSError as error:
        return None if error.errno in OURS else Outcome(False, _describe(error))
    except Exception as error:
        return Outcome(False, f"the probe itself failed: {type(error).__name__}: {error}")
    return Outcome(True, f"{found} in {_duration(time.monotonic() - started)}")


def _at_port(target: Target) -> Target:
    """The target with the probe's own port, where it has one."""
    if not target.probe.port or target.address.startswith("unix:"):
        return target
    host, _ = split_host_port(target.address)
    return Target(join_host_port(host, target.probe.port), target.host, target.probe)


def _describe(error: OSError) -> str:
    """The system's own words, without the address that everybody knows."""
    if error.errno is None:
        return str(error) or type(error).__name__
    return "no such unix socket" if error.errno == errno.ENOENT else os.strerror(error.errno).lower()


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2g} s"
