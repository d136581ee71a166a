"""A real balancer before real origins, for the functional tests: ``async with balanced(2) as cluster``."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from steelyard import Balancer
from steelyard.config.model import Config
from steelyard.status import ServerStatus
from tests.support.client import Client, Load
from tests.support.origin import Origin
from tests.support.waiting import until

PROBE: dict[str, Any] = {
    "type": "http",
    "path": "/healthz",
    "interval": "50ms",
    "timeout": "5s",
    "rise": 1,
    "fall": 1,
}
"""Quick, so that tests are; a timeout that a busy machine does not reach."""


def configuration(servers: Sequence[dict[str, Any]], *, service: dict[str, Any] | None = None, **pool: Any) -> Config:
    return Config.model_validate(
        {
            "services": {"www": {"mode": "proxy", "listen": "127.0.0.1:0", "pool": "web", **(service or {})}},
            "pools": {"web": {"servers": list(servers), **pool}},
            "process": {"threads": 2, "shutdown_timeout": "5s"},
        }
    )


@dataclass(slots=True)
class Running:
    balancer: Balancer
    origins: dict[str, Origin]
    words: dict[str, dict[str, Any]]
    """Each server's own words, such as its weight."""
    pool: dict[str, Any]

    @property
    def address(self) -> str:
        return self.balancer.addresses["www"]

    def config(self, *without: str, **pool: Any) -> Config:
        """The configuration it was started with, less some servers, and with some words of the pool changed."""
        return configuration(servers(self.origins, self.words, without), **{**self.pool, **pool})

    def load(self, connections: int = 50) -> Load:
        return Load(self.address, connections)

    async def ask(self, requests: int = 1, *, connections: int = 1) -> Counter[str]:
        """So many requests, over so many connections in turn, as a count of who answered (status where nobody did)."""
        clients = [Client(self.address) for _ in range(connections)]
        counted: Counter[str] = Counter()
        for number in range(requests):
            reply = await clients[number % connections].get()
            counted[reply.server or str(reply.status)] += 1
        for client in clients:
            client.close()
        return counted

    async def server(self, name: str) -> ServerStatus:
        [pool] = (await self.balancer.status()).pools
        return next(server for server in pool.servers if server.id == name)

    async def eligible(self) -> set[str]:
        [pool] = (await self.balancer.status()).pools
        return {server.id for server in pool.servers if server.eligible}

    async def until_eligible(self, *names: str) -> None:
        """Decided so, and published: the plane itself, asked whom it would choose, names one of them."""

        async def reached() -> bool:
            if await self.eligible() != set(names):
                return False
            [pool] = (await self.balancer.status()).pools
            found = await self.balancer.explain(pool.name, "127.0.0.1")
            return found.server in names if names else found.server is None

        await until(reached, f"only {names} being eligible")


def servers(
    origins: dict[str, Origin], words: dict[str, dict[str, Any]], without: Sequence[str] = ()
) -> list[dict[str, Any]]:
    return [
        {"id": name, "address": origin.address, **words.get(name, {})}
        for name, origin in origins.items()
        if name not in without
    ]


@asynccontextmanager
async def balanced(
    names: str = "abc",
    words: dict[str, dict[str, Any]] | None = None,
    service: dict[str, Any] | None = None,
    **pool: Any,
) -> AsyncIterator[Running]:
    """One origin for each letter, one service "www" before one pool "web"."""
    async with AsyncExitStack() as stack:
        origins = {name: await stack.enter_async_context(Origin(name)) for name in names}
        config = configuration(servers(origins, words or {}), service=service, **pool)
        balancer = await stack.enter_async_context(Balancer(config))
        yield Running(balancer, origins, words or {}, pool)
