"""The probe that opens a connection and closes it again.

On the loop's own socket calls, not on streams: thousands of servers make this the costliest thing that Python does.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from steelyard.config.types import split_host_port
from steelyard.control.state import Target


async def connect(target: Target) -> str:
    with await open_socket(target.address):
        return "connected"


async def open_socket(address: str) -> socket.socket:
    """A connected socket that does not block; ``OSError`` when it cannot be. The address is a literal: nothing waits
    for a resolver."""
    if address.startswith("unix:"):
        family, where = socket.AF_UNIX, address.removeprefix("unix:")
        return await _connected(socket.socket(family, socket.SOCK_STREAM), where)
    host, port = split_host_port(address)
    family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    return await _connected(socket.socket(family, socket.SOCK_STREAM), (host, port))


async def _connected(opened: socket.socket, where: str | tuple[str, int]) -> socket.socket:
    try:
        opened.setblocking(False)
        await asyncio.get_running_loop().sock_connect(opened, where)
    except BaseException:
        opened.close()
        raise
    return opened
