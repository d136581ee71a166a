"""The golden vectors against the oracle and against the native scheduler; and both against each other, at random."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steelyard._native import Scheduler, algorithm_needs
from tests.golden import oracle
from tests.golden.make import files
from tests.golden.oracle import Choice, Server
from tests.golden.replay import HERE, RELEASE, choice_of, oracle_of, published, vectors

VECTORS = vectors()
PRIME = 7


@pytest.mark.parametrize("name", VECTORS)
def test_oracle_agrees(name: str) -> None:
    """Many vectors are made by hand: this is what proves the oracle."""
    vector = VECTORS[name]
    pool = oracle_of(vector)
    for number, step in enumerate(vector["steps"]):
        if "choose" in step:
            found = pool.may_choose(choice_of(step))
            assert [server.id for server in found] == ([step["choose"]] if step["choose"] else []), f"step {number}"
            for server in found:
                pool.acquire(server)
        elif "release" in step:
            full = {**RELEASE, **step}
            pool.release(full["release"], full["now_ms"], full["latency_us"])
        else:
            pool.update([Server(**server) for server in step["update"]])


@pytest.mark.parametrize("name", VECTORS)
def test_native_agrees(name: str) -> None:
    vector = VECTORS[name]
    scheduler = Scheduler(published(vector))
    for number, step in enumerate(vector["steps"]):
        if "choose" in step:
            choice = choice_of(step)
            arguments = (choice.client, choice.now_ms, choice.random, list(choice.exclude))
            assert scheduler.peek(*arguments)[0] == step["choose"], f"step {number}"
            assert scheduler.choose(*arguments) == step["choose"], f"step {number}"
        elif "release" in step:
            full = {**RELEASE, **step}
            scheduler.release(full["release"], full["now_ms"], full["latency_us"])
        else:
            scheduler.update(published(vector, step["update"]))


@pytest.mark.parametrize(("file", "text"), files().items())
def test_made_vectors_are_as_made(file: str, text: str) -> None:
    assert (HERE / file).read_text() == text, "run: python -m tests.golden.make"


def test_every_algorithm_has_a_vector() -> None:
    assert {vector["algorithm"] for vector in VECTORS.values()} == set(algorithm_needs())


def test_hashes() -> None:
    for case in json.loads((HERE / "hash.json").read_text())["hashes"]:
        assert f"{oracle.hash64(bytes.fromhex(case['bytes']), case['seed']):#018x}" == case["hash"]


def test_splitmix_is_as_published() -> None:
    """The first outputs of SplitMix64 from the seed 1234567, as its authors and many libraries print them."""
    outputs = [oracle.mix((1234567 + oracle.GOLDEN * n) % oracle.WORD) for n in range(1, 4)]
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_maglev_is_as_in_the_paper() -> None:
    """Table 1: size 7 and (offset, skip) = (3, 4), (0, 2), (3, 1); then without the second server."""
    servers = [Server("B0"), Server("B1"), Server("B2")]
    place, skip = {"B0": 3, "B1": 0, "B2": 3}, {"B0": 4, "B1": 2, "B2": 1}
    found = oracle.fill(servers, dict(place), skip, PRIME)
    assert [server.id for server in found] == ["B1", "B0", "B1", "B0", "B2", "B2", "B0"]
    found = oracle.fill([servers[0], servers[2]], dict(place), skip, PRIME)
    assert [server.id for server in found] == ["B0", "B0", "B0", "B0", "B2", "B2", "B2"]


random_bits = st.integers(0, oracle.WORD - 1)
servers = st.lists(
    st.fixed_dictionaries(
        {
            "weight": st.integers(1, 9),
            "eligible": st.sampled_from([True, True, True, False]),
            "max_connections": st.sampled_from([0, 0, 1, 3]),
        }
    ),
    max_size=24,
).map(lambda found: [{"id": f"s{number}", **server} for number, server in enumerate(found)])
clients = st.one_of(st.just(""), st.ip_addresses().map(str))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("choose"), clients, random_bits, st.lists(st.integers(0, 23), max_size=3)),
        st.tuples(st.just("choose"), clients, random_bits, st.just([])),
        st.tuples(
            st.just("release"), random_bits, st.one_of(st.none(), st.integers(0, 100_000)), st.integers(0, 9_000)
        ),
        st.tuples(st.just("update"), servers, st.none(), st.none()),
    ),
    max_size=60,
)


@pytest.mark.timeout(600)  # the oracle fills a whole Maglev table a step, on whatever machine
@pytest.mark.parametrize("algorithm", sorted(algorithm_needs()))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(servers=servers, steps=steps)
def test_native_and_oracle_agree_on_anything(
    algorithm: str, servers: list[dict[str, Any]], steps: list[tuple[Any, Any, Any, Any]]
) -> None:
    vector = {"name": "any", "algorithm": algorithm, "servers": servers}
    pool, scheduler = oracle_of(vector), Scheduler(published(vector))
    running: list[str] = []
    now_ms = 0
    for kind, first, second, third in steps:
        if kind == "choose":
            exclude = tuple(f"s{number}" for number in third)
            found = pool.may_choose(Choice(first, second, exclude, now_ms))
            chosen = scheduler.choose(first, now_ms, second, list(exclude))
            assert chosen in [server.id for server in found] if found else chosen is None
            if chosen:
                pool.acquire(pool.named(chosen))
                running.append(chosen)
        elif kind == "release" and running:
            now_ms += third
            ended = running.pop(first % len(running))
            pool.release(ended, now_ms, second)
            scheduler.release(ended, now_ms, second)
        elif kind == "update":
            # An empty list is no pool to `published`, which would take the vector's own.
            pool.update([Server(**server) for server in first or servers])
            scheduler.update(published(vector, first or servers))
    for server in pool.servers:
        assert scheduler.active(server.id) == server.active
