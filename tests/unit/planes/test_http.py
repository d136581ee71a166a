"""The native plane behind asyncio: what it refuses, and that failures of real traffic arrive."""

from __future__ import annotations

import json

import pytest

from steelyard.config.model import Config
from steelyard.control.publish import Renderer
from steelyard.errors import PlaneError
from steelyard.health.passive import Sample
from steelyard.planes import http
from tests.support.client import Client
from tests.support.origin import Origin
from tests.support.waiting import until
from tests.unit.control.build import Cluster, config


async def test_it_applies_reports_and_closes() -> None:
    plane = http.start(Config())
    cluster = Cluster(config("a", "b"))
    await plane.apply(Renderer().render(cluster.state, 0.0))
    addresses = await plane.addresses()
    assert addresses["www"].startswith("127.0.0.1:")
    report = await plane.report()
    assert report["version"] == cluster.state.version
    assert report["services"]["www"]["address"] == addresses["www"]
    assert await plane.active([("web", "a"), ("web", "nobody")]) == {("web", "a"): 0, ("web", "nobody"): 0}
    choice = await plane.explain("web", "192.0.2.1", "")
    assert choice.server in ("a", "b")
    await plane.stop_accepting()
    assert await plane.close(0) == 0


async def test_what_it_refuses_is_a_plane_error_and_the_old_snapshot_stays() -> None:
    plane = http.start(Config())
    good = Renderer().render(Cluster(config("a")).state, 0.0)
    await plane.apply(good)
    before = await plane.addresses()
    bad = json.loads(good)
    bad["services"][0]["listen"] = "192.0.2.77:1"
    for snapshot in (b"{", b"{}", json.dumps({**bad, "version": 99}).encode()):
        with pytest.raises(PlaneError):
            await plane.apply(snapshot)
    assert await plane.addresses() == before
    await plane.close(0)


async def test_failures_of_traffic_are_delivered() -> None:
    async with Origin("a") as origin:
        configuration = config({"id": "a", "address": origin.address}, retry={"attempts": 1})
        plane = http.start(configuration)
        samples: list[Sample] = []
        plane.listen_for_failures(samples.extend)
        await plane.apply(Renderer().render(Cluster(configuration).state, 0.0))
        async with Client((await plane.addresses())["www"]) as client:
            origin.status = 500
            assert (await client.get()).status == 500
            await until(lambda: sum(sample.status_5xx for sample in samples) == 1)
            await origin.kill()
            assert (await client.get()).status in (502, 503)
            await until(lambda: any(sample.failures for sample in samples))
        await plane.close(0)
    assert {(sample.pool, sample.server) for sample in samples} == {("web", "a")}


async def test_options_that_make_no_sense_are_refused() -> None:
    log = Config.model_validate({"log": {"access": "/nowhere/at/all/access.log"}})
    with pytest.raises(PlaneError, match=r"/nowhere/at/all/access\.log"):
        http.start(log)
