"""``listen = ":port"``: reached by IPv6 and IPv4, and an IPv4 client is a plain IPv4 address everywhere."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from steelyard import Balancer
from steelyard.config.model import Config
from tests.functional.cluster import balanced, configuration
from tests.support.client import Client
from tests.support.origin import Origin
from tests.support.waiting import until

EVERY = {"listen": ":0"}


def at(host: str, address: str) -> str:
    return f"{host}:{address.rpartition(':')[2]}"


async def test_both_families_reach_it_and_the_server_learns_who_asked() -> None:
    async with balanced("a", service=EVERY) as cluster:
        assert cluster.address.startswith("[::]:")
        for host, client in (("127.0.0.1", "127.0.0.1"), ("[::1]", "::1")):
            async with Client(at(host, cluster.address), source=client) as asking:
                assert (await asking.get()).status == 200
            assert cluster.origins["a"].seen[-1].header("X-Forwarded-For") == client


async def test_networks_of_ipv4_hold_its_clients() -> None:
    async with balanced("a", service={**EVERY, "trusted_proxies": ["127.0.0.2"]}) as cluster:
        for source, told in (("127.0.0.2", "192.0.2.7, 127.0.0.2"), ("127.0.0.3", "127.0.0.3")):
            async with Client(at("127.0.0.1", cluster.address), source=source) as asking:
                await asking.get(**{"X-Forwarded-For": "192.0.2.7"})
            assert cluster.origins["a"].seen[-1].header("X-Forwarded-For") == told


async def test_the_source_hash_is_that_of_the_plain_address() -> None:
    async with balanced("abc", service=EVERY, algorithm="source-hash") as cluster:
        for number in range(1, 20):
            source = f"127.0.0.{number}"
            async with Client(at("127.0.0.1", cluster.address), source=source) as asking:
                chosen = (await asking.get()).server
            assert chosen == (await cluster.balancer.explain("web", source)).server


async def test_connections_are_counted_by_the_plain_address() -> None:
    async with (
        balanced("a", service={**EVERY, "limits": {"connections_per_client": 1}}) as cluster,
        Client(at("127.0.0.1", cluster.address)) as first,
    ):
        await first.get()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await Client(at("127.0.0.1", cluster.address)).get()
        async with Client(at("127.0.0.1", cluster.address), source="127.0.0.9") as other:
            assert (await other.get()).status == 200


async def test_the_access_log_names_the_plain_address(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    async with Origin("a") as origin:
        words: dict[str, Any] = configuration([{"id": "a", "address": origin.address}], service=EVERY).model_dump()
        config = Config.model_validate({**words, "log": {"access": str(log)}})
        async with Balancer(config) as balancer, Client(at("127.0.0.1", balancer.addresses["www"])) as asking:
            await asking.get()
        assert json.loads(log.read_text())["client"] == "127.0.0.1"


async def test_the_proxy_protocol_says_tcp4() -> None:
    heads: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readline())
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    service = {**EVERY, "mode": "tcp", "proxy_protocol": {"send": "v1"}}
    async with server, Balancer(configuration([{"id": "a", "address": address}], service=service)) as balancer:
        port = balancer.addresses["www"].rpartition(":")[2]
        _, writer = await asyncio.open_connection("127.0.0.1", int(port))
        await until(lambda: heads, "the server being told")
        here = writer.get_extra_info("sockname")[1]
        writer.close()
    assert heads == [f"PROXY TCP4 127.0.0.1 127.0.0.1 {here} {port}\r\n".encode()]
