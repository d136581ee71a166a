"""One event as one line, for ``events`` and for what ``run`` writes to stderr. Pure."""

from __future__ import annotations

import time

from steelyard.status import Event

_COLORS = {
    "server-up": "32",
    "server-returned": "32",
    "server-down": "31",
    "server-ejected": "31",
    "server-unresolved": "31",
    "reload-failed": "31",
    "server-drained": "33",
    "admin-changed": "33",
    "refused": "33",
    "stopping": "33",
}


_INDENT = len("12:30:05 ") + 18


def event_line(event: Event, *, colored: bool = False) -> str:
    """``12:30:05 server-down       web/b: connection refused``; further lines of its message stand below."""
    when = time.strftime("%H:%M:%S", time.localtime(event.at))
    kind = f"{event.kind:<17}"
    if colored and event.kind in _COLORS:
        kind = f"\x1b[{_COLORS[event.kind]}m{kind}\x1b[0m"
    first, *more = event.message.splitlines() or [""]
    rest = ": ".join(part for part in (event.about, _printable(first)) if part)
    return "\n".join([f"{when} {kind} {rest}".rstrip(), *(f"{'':<{_INDENT}}{_printable(line)}" for line in more)])


def _printable(text: str) -> str:
    """What a probe read comes from outside: no control character may reach a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
