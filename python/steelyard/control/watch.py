"""Watches one file by looking at it once a second: simple, and right on every file system and through symlinks.

What is compared is the file behind the links (so a swapped symlink, as Kubernetes does it, is seen), and a change
counts only once two looks in a row agree, so that a file that is still being written is left alone.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

INTERVAL = 1.0

Look = tuple[int, int, int, int] | None
"""Device, inode, size, time of change in nanoseconds; None: it is not there."""


async def watch(file: Path, changed: Callable[[], Awaitable[None]], known: Look, interval: float = INTERVAL) -> None:
    """Call ``changed`` after every change that has settled, until cancelled. ``known`` is how the file looked when it
    was last read: what happened to it since counts as well."""
    before = known
    while True:
        await asyncio.sleep(interval)
        now = look(file)
        if now is not None and now == before and now != known:
            known = now
            await changed()
        before = now


def look(file: Path) -> Look:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
