"""One name, once, against a real DNS server on loopback and a hosts file of our own."""

from __future__ import annotations

from pathlib import Path

import dns.rcode
import pytest

from steelyard.discovery import hosts
from steelyard.discovery.lookup import TTL_MAX, TTL_MIN, Answer, look_up
from tests.support.dns import NameServer


@pytest.fixture
def hosts_file(tmp_path: Path) -> Path:
    file = tmp_path / "hosts"
    file.write_text(
        "127.0.0.1 localhost\n"
        "# 10.9.9.9 commented\n"
        "fd00::7   both.example\n"
        "10.0.0.7  Both.Example alias # a remark\n"
        "not-an-address nonsense.example\n\n"
    )
    return file


async def test_addresses_of_both_families_ipv4_first(hosts_file: Path) -> None:
    async with NameServer() as server:
        server.records["app.example."] = {"AAAA": ["2001:db8::1"], "A": ["10.0.0.1"]}
        assert await look_up("app.example", server.resolver(), hosts_file) == Answer(("10.0.0.1", "2001:db8::1"), 60.0)


async def test_one_family_is_enough(hosts_file: Path) -> None:
    async with NameServer() as server:
        server.records["six.example."] = {"AAAA": ["2001:db8::1"]}
        assert (await look_up("six.example", server.resolver(), hosts_file)).addresses == ("2001:db8::1",)


@pytest.mark.parametrize(("said", "held"), [(0, TTL_MIN), (7, 7.0), (86_400, TTL_MAX)])
async def test_the_ttl_is_kept_within_bounds(hosts_file: Path, said: int, held: float) -> None:
    async with NameServer() as server:
        server.ttl = said
        server.records["app.example."] = {"A": ["10.0.0.1"]}
        assert (await look_up("app.example", server.resolver(), hosts_file)).ttl == held


async def test_the_hosts_file_is_honoured_first(hosts_file: Path) -> None:
    async with NameServer() as server:
        server.records["both.example."] = {"A": ["192.0.2.1"]}
        assert (await look_up("BOTH.example", server.resolver(), hosts_file)).addresses == ("10.0.0.7", "fd00::7")
        assert not server.asked


async def test_failures_are_sentences(hosts_file: Path) -> None:
    async with NameServer() as server:
        server.records["empty.example."] = {}
        notes = [(await look_up(name, server.resolver(), hosts_file)).note for name in ("no.example", "empty.example")]
        assert notes == ["no.example: no such name (NXDOMAIN)", "empty.example has neither A nor AAAA"]
        server.rcode = dns.rcode.SERVFAIL
        failed = await look_up("app.example", server.resolver(), hosts_file)
        assert failed == Answer((), TTL_MIN, "app.example: no DNS server could answer (SERVFAIL)")
        server.silent = True
        late = await look_up("app.example", server.resolver(), hosts_file)
        assert late.note == "app.example: DNS did not answer within 2 s"


async def test_without_a_resolver_only_the_hosts_file_is_known(hosts_file: Path) -> None:
    assert (await look_up("alias", None, hosts_file)).addresses == ("10.0.0.7",)
    assert "names no DNS server" in (await look_up("app.example", None, hosts_file)).note


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST.", "app.localhost"])
def test_localhost_is_the_loopback_without_asking(name: str, tmp_path: Path) -> None:
    assert hosts.look_up(name, tmp_path / "missing") == ("127.0.0.1", "::1")


def test_lines_that_mean_nothing_are_passed_over(hosts_file: Path) -> None:
    assert hosts.look_up("nonsense.example", hosts_file) == ()
    assert hosts.look_up("commented", hosts_file) == ()
