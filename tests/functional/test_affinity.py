"""Affinity as clients see it: both forms of the cookie, by source address, and what happens when the server is gone."""

from __future__ import annotations

import pytest

from tests.functional.cluster import PROBE, balanced
from tests.support.client import Client, Reply
from tests.support.origin import Request, Response


def cookie_of(reply: Reply) -> str:
    return (reply.header("Set-Cookie") or "").partition(";")[0]


async def test_an_inserted_cookie_keeps_its_client() -> None:
    async with balanced("abc", affinity={"by": "cookie", "name": "SRV"}) as cluster, Client(cluster.address) as client:
        first = await client.get()
        assert cookie_of(first).startswith("SRV=")
        attributes = (first.header("Set-Cookie") or "").split("; ")[1:]
        assert {"HttpOnly", "SameSite=Lax"} <= set(attributes)
        assert first.server not in cookie_of(first).partition("=")[2].split()
        for _ in range(20):
            again = await client.get(Cookie=f"x=1; {cookie_of(first)}; y=2")
            assert again.server == first.server
            assert again.header("Set-Cookie") is None
        seen = cluster.origins[first.server].seen[-1]
        assert "SRV=" not in (seen.header("Cookie") or "")
        assert len({(await client.get()).server for _ in range(6)}) == 3


@pytest.mark.parametrize("mark", ["SRV=unknown", "SRV=", "SRV=\x80", "SRV=AAAAAAAAAAAAAAAAAAAAAA"])
async def test_an_unknown_mark_leads_to_a_new_choice(mark: str) -> None:
    async with balanced("ab", affinity={"by": "cookie"}) as cluster, Client(cluster.address) as client:
        reply = await client.get(Cookie=mark.encode().decode("latin-1"))
        assert reply.status == 200
        assert cookie_of(reply).startswith("SRV=")


async def test_the_clients_of_a_dead_server_get_a_new_mark() -> None:
    async with balanced("ab", affinity={"by": "cookie"}, probe=PROBE) as cluster, Client(cluster.address) as client:
        first = await client.get()
        await cluster.origins[first.server].kill()
        reply = await client.get(Cookie=cookie_of(first))
        assert reply.status == 200
        assert reply.server != first.server
        assert cookie_of(reply) not in ("", cookie_of(first))


async def test_a_draining_server_keeps_its_clients() -> None:
    async with balanced("ab", affinity={"by": "cookie"}, probe=PROBE) as cluster, Client(cluster.address) as client:
        first = await client.get()
        await cluster.balancer.drain("web", first.server)
        assert (await client.get(Cookie=cookie_of(first))).server == first.server
        assert {(await client.get()).server for _ in range(10)} == set(cluster.origins) - {first.server}


async def test_marks_survive_a_reload() -> None:
    async with balanced("abc", affinity={"by": "cookie"}) as cluster, Client(cluster.address) as client:
        first = await client.get()
        await cluster.balancer.reload(cluster.config(algorithm="least-connections"))
        for _ in range(10):
            assert (await client.get(Cookie=cookie_of(first))).server == first.server


async def test_a_mark_appended_to_the_applications_own_cookie() -> None:
    def application(request: Request) -> Response:
        return Response(200, b"", (("Set-Cookie", "session=s3cret; Path=/"),) if request.target == "/login" else ())

    pool = {"affinity": {"by": "cookie", "name": "session", "form": "append"}}
    async with balanced("abc", **pool) as cluster, Client(cluster.address) as client:
        for origin in cluster.origins.values():
            origin.answer = application
        login = await client.get("/login")
        cookie = cookie_of(login)
        assert cookie.startswith("session=s3cret")
        assert cookie != "session=s3cret"
        for _ in range(12):
            again = await client.get(Cookie=cookie)
            assert again.server == login.server
            assert again.header("Set-Cookie") is None
        assert cluster.origins[login.server].seen[-1].header("Cookie") == "session=s3cret"


@pytest.mark.parametrize("stale", ["session=s3cret", "session=s3cret~AAAAAAAAAAAAAAAAAAAAAA"])
async def test_an_appended_mark_that_is_unknown_is_replaced_at_once(stale: str) -> None:
    pool = {"affinity": {"by": "cookie", "name": "session", "form": "append"}}
    async with balanced("abc", **pool) as cluster, Client(cluster.address) as client:
        first = await client.get(Cookie=stale)
        assert cookie_of(first).startswith("session=s3cret")
        assert cookie_of(first) not in ("session=s3cret", stale)
        assert "Path=/" in (first.header("Set-Cookie") or "").split("; ")
        for _ in range(6):
            again = await client.get(Cookie=cookie_of(first))
            assert (again.server, again.header("Set-Cookie")) == (first.server, None)


async def test_the_clients_of_a_dead_server_move_once_with_an_appended_mark() -> None:
    pool = {"affinity": {"by": "cookie", "name": "session", "form": "append"}, "probe": PROBE}
    async with balanced("abc", **pool) as cluster, Client(cluster.address) as client:
        first = await client.get(Cookie="session=s3cret")
        await cluster.origins[first.server].kill()
        moved = await client.get(Cookie=cookie_of(first))
        assert moved.server != first.server
        for _ in range(6):
            again = await client.get(Cookie=cookie_of(moved))
            assert (again.server, again.header("Set-Cookie")) == (moved.server, None)


async def test_by_source_address() -> None:
    async with balanced("abc", affinity={"by": "source"}) as cluster:
        for number in range(2, 12):
            source = f"127.0.0.{number}"
            answered = set()
            for _ in range(3):
                async with Client(cluster.address, source) as client:
                    answered |= {(await client.get()).server for _ in range(3)}
            assert len(answered) == 1
