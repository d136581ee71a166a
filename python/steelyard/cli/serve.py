"""A balancer as a process of its own: what ``run``, ``proxy`` and ``demo`` share. Signals, admin API, own lines.

SIGTERM, SIGINT  stop accepting, finish what runs, end; a second one ends at once
SIGHUP           read the file again; one with faults changes nothing
SIGUSR1          open the access log again

What the process says of itself goes to stderr, so that stdout is free for the access log.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any, Final

from steelyard.balancer import Balancer
from steelyard.cli.lines import event_line
from steelyard.cli.output import colors
from steelyard.cli.start import start_block, start_json
from steelyard.config.model import Config
from steelyard.config.secret import Secret
from steelyard.errors import Refused, SteelyardError
from steelyard.status import Event

OFF: Final = "off"


def serve(balancer: Balancer, config: Config, *, admin: str, json: bool) -> int:
    """Run until a signal ends it. ``admin``: where the admin API listens, or ``off``. Returns the exit status."""
    _raise_descriptor_limit()
    return asyncio.run(_Process(balancer, config, admin, json).run())


def _raise_descriptor_limit() -> None:
    """Every connection is a descriptor or two: take as many as the administrator allows (the hard limit)."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _reveal(token: Secret) -> bytes:
    try:
        return token.reveal()
    except (LookupError, OSError) as error:
        raise Refused(
            f"admin.token: {token.source} cannot be read ({error}): provide it, or leave the token out"
        ) from None


class _Process:
    def __init__(self, balancer: Balancer, config: Config, admin: str, json: bool) -> None:
        self.balancer = balancer
        self.admin = admin
        self.json = json
        self.token = _reveal(config.admin.token) if config.admin.token and admin != OFF else None
        self.ending = asyncio.Event()
        self.reloading: asyncio.Task[None] | None = None

    async def run(self) -> int:
        self._handle_signals()
        async with AsyncExitStack() as stack:
            starting = asyncio.ensure_future(stack.enter_async_context(self.balancer))
            if not await self._unless_ended(starting):
                return 0
            events = self.balancer.events()
            await self._tell_start(await self._open_admin(stack))
            telling = asyncio.create_task(self._tell_events(events))
            await self.ending.wait()
            cut = await self.balancer.stop()
            await telling
            self._say(f"stopped; {cut} connections cut" if cut else "stopped", event="stopped", cut=cut)
        return 0

    async def _open_admin(self, stack: AsyncExitStack) -> str | None:
        """The admin API's address. Its libraries are loaded only now, when clients are already served."""
        if self.admin == OFF:
            return None
        from steelyard.admin.server import AdminServer

        return (await stack.enter_async_context(AdminServer(self.balancer, self.admin, self.token))).address

    async def _unless_ended(self, starting: asyncio.Future[Balancer]) -> bool:
        """Wait for the start; a signal during it ends it."""
        ending = asyncio.ensure_future(self.ending.wait())
        both: set[asyncio.Future[Any]] = {starting, ending}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if starting.done():
            starting.result()
            return True
        starting.cancel()
        await asyncio.wait({starting})
        return False

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        handlers: dict[signal.Signals, Callable[[], None]] = {
            signal.SIGTERM: self._end,
            signal.SIGINT: self._end,
            signal.SIGHUP: self._reload,
            signal.SIGUSR1: self._reopen_log,
        }
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)

    def _end(self) -> None:
        if self.ending.is_set():
            self._say("ended at once: what still ran was cut", event="ended")
            os._exit(1)
        self.ending.set()

    def _reopen_log(self) -> None:
        try:
            self.balancer.reopen_log()
        except SteelyardError as error:
            self._say(str(error), event="reopen-failed")

    def _reload(self) -> None:
        if self.reloading is None or self.reloading.done():
            self.reloading = asyncio.create_task(self._reload_file())

    async def _reload_file(self) -> None:
        with suppress(SteelyardError):  # told by the event reload-failed; what runs, runs on
            await self.balancer.reload()

    async def _tell_events(self, events: AsyncIterator[Event]) -> None:
        async for event in events:
            line = event.model_dump_json() if self.json else event_line(event, colored=colors(sys.stderr))
            print(line, file=sys.stderr, flush=True)

    async def _tell_start(self, admin: str | None) -> None:
        status = await self.balancer.status()
        text = start_json(status, admin) if self.json else start_block(status, admin, colored=colors(sys.stderr))
        print(text, file=sys.stderr, flush=True)

    def _say(self, text: str, *, event: str, **members: int) -> None:
        import json

        line = json.dumps({"kind": event, "message": text, **members}) if self.json else f"steelyard: {text}"
        print(line, file=sys.stderr, flush=True)
