"""Keeps names resolved: at once and together when a configuration needs them, and again as each answer's TTL runs out.

A failed look-up is told (with the reason) and tried again soon; that the last good address stays is the reducer's rule.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from steelyard.control.events import Resolution
from steelyard.discovery.lookup import Answer, look_up, system_resolver

RETRY_FIRST, RETRY_LAST = 1.0, 30.0
"""After a failure: the first wait, which doubles up to the last."""
PREPARE_TIMEOUT = 3.0
"""How long a start or a reload waits for names; what is not known by then comes later."""
AT_ONCE = 100


class Resolver:
    def __init__(
        self,
        deliver: Callable[[tuple[Resolution, ...]], None],
        look_up_name: Callable[[str], Awaitable[Answer]] | None = None,
    ) -> None:
        self._deliver = deliver
        system = system_resolver() if look_up_name is None else None
        self._look_up_name = look_up_name or (lambda host: look_up(host, system))
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._known: dict[str, tuple[Answer, float]] = {}
        """The last answer and when it expires."""
        self._followers: dict[str, asyncio.Task[None]] = {}

    async def resolve(self, hosts: Iterable[str], timeout: float = PREPARE_TIMEOUT) -> dict[str, Resolution]:
        """What these names mean now, together and within ``timeout``."""
        now = asyncio.get_running_loop().time()
        wanted = set(hosts)
        stale = [host for host in wanted if host not in self._known or self._known[host][1] <= now]
        tasks = [asyncio.create_task(self._refresh(host)) for host in stale]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=timeout)
            for task in late:
                task.cancel()
        return {host: self._resolution(host) for host in wanted}

    def follow(self, hosts: frozenset[str]) -> None:
        """Keep exactly these names resolved from now on."""
        for host in self._followers.keys() - hosts:
            self._followers.pop(host).cancel()
            self._known.pop(host, None)
        for host in hosts - self._followers.keys():
            self._followers[host] = asyncio.get_running_loop().create_task(self._keep(host), name=f"resolve {host}")

    async def close(self) -> None:
        tasks = list(self._followers.values())
        self._followers.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, host: str) -> None:
        loop = asyncio.get_running_loop()
        retry = RETRY_FIRST
        while True:
            answer, expires = self._known.get(host) or (Answer(()), 0.0)
            wait = expires - loop.time() if answer.addresses else (retry if answer.note else 0.0)
            await asyncio.sleep(max(0.0, wait))
            retry = RETRY_FIRST if answer.addresses else min(RETRY_LAST, retry * 2)
            before = self._known.get(host)
            await self._refresh(host)
            after = self._resolution(host)
            if before is None or (before[0].addresses, before[0].note) != (after.addresses, after.note):
                self._deliver((after,))

    async def _refresh(self, host: str) -> None:
        async with self._slots:
            answer = await self._look_up_name(host)
        self._known[host] = (answer, asyncio.get_running_loop().time() + answer.ttl)

    def _resolution(self, host: str) -> Resolution:
        known = self._known.get(host)
        if known is None:
            return Resolution(host, (), f"{host}: not resolved yet")
        return Resolution(host, known[0].addresses, known[0].note)
