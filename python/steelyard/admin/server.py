"""The admin API as a server inside the balancer's own event loop: bound before it says so, gone when the block ends.

uvicorn serves; it gets no signals (they belong to the command line) and writes no log of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import uvicorn

from steelyard.admin.api import create_app
from steelyard.admin.guard import names_loopback
from steelyard.balancer import Balancer
from steelyard.config.types import join_host_port, split_host_port
from steelyard.errors import PlaneError, Refused


class AdminServer:
    """``async with AdminServer(balancer, "127.0.0.1:9900", token=None) as admin: admin.address``."""

    def __init__(self, balancer: Balancer, listen: str, token: bytes | None = None) -> None:
        host, _ = split_host_port(listen)
        if token is None and not names_loopback(f"[{host}]" if ":" in host else host):
            raise Refused(
                f"admin.listen: {listen} is reachable from other machines and no token is set: "
                'set admin.token = { env = "STEELYARD_TOKEN" } or listen on 127.0.0.1'
            )
        self._listen = listen
        self._app = create_app(balancer, token)
        self._address = ""

    @property
    def address(self) -> str:
        """The address bound, with the real port."""
        return self._address

    async def __aenter__(self) -> Self:
        bound = await _bind(self._listen)
        host, port = bound.getsockname()[:2]
        self._address = join_host_port(host, port)
        self._server = _Server(
            uvicorn.Config(
                self._app,
                http="h11",
                ws="none",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                lifespan="on",
                timeout_graceful_shutdown=2,
            )
        )
        self._serving = asyncio.create_task(self._server.serve([bound]), name="steelyard-admin")
        while not (self._server.started or self._serving.done()):  # noqa: ASYNC110  (uvicorn offers no event for it)
            await asyncio.sleep(0.001)
        if self._serving.done():
            self._serving.result()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._app.state.closing.set()
        self._server.should_exit = True
        await self._serving


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the command line's."""
        yield


async def _bind(listen: str) -> socket.socket:
    host, port = split_host_port(listen)
    try:
        try:
            return await _bound(host, port)
        except OSError as error:
            if host != "::" or error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                raise
            return await _bound("0.0.0.0", port)  # every address of a machine without IPv6
    except OSError as error:
        raise PlaneError(
            f"the admin API cannot listen on {listen}: {error.strerror or error}. "
            "Name another address with --admin or admin.listen, or switch it off with --admin off"
        ) from None


async def _bound(host: str, port: int) -> socket.socket:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, kind, protocol, _, address = found[0]
    bound = socket.socket(family, kind, protocol)
    try:
        if family == socket.AF_INET6:
            # As the services do: [::] is every address, whatever the machine's default is.
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address[0] != "::")
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(128)
    except OSError:
        bound.close()
        raise
    return bound
