"""One name, once: the hosts file first, then DNS (A and AAAA together), as a value that also says how long it holds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver

from steelyard.discovery import hosts

TTL_MIN, TTL_MAX = 1.0, 300.0
"""An answer of zero seconds must not keep us asking; one of days must not hide a server that moved."""
HOSTS_TTL = 5.0
"""How soon the hosts file is looked into again."""
LIFETIME = 2.0
"""How long one look-up may take in all."""


@dataclass(frozen=True, slots=True)
class Answer:
    addresses: tuple[str, ...]
    """IPv4 before IPv6; empty: ``note`` says why."""
    ttl: float = TTL_MIN
    note: str = ""


async def look_up(host: str, resolver: dns.asyncresolver.Resolver | None, hosts_file: Path = hosts.HOSTS) -> Answer:
    """Never raises, but for a cancellation."""
    if found := hosts.look_up(host, hosts_file):
        return Answer(found, HOSTS_TTL)
    if resolver is None:
        return Answer((), note=f"{host} is not in {hosts_file}, and /etc/resolv.conf names no DNS server")
    v4, v6 = await asyncio.gather(_ask(host, "A", resolver), _ask(host, "AAAA", resolver))
    addresses = v4.addresses + v6.addresses
    if not addresses:
        return Answer((), note=v4.note or v6.note or f"{host} has neither A nor AAAA")
    return Answer(addresses, min(answer.ttl for answer in (v4, v6) if answer.addresses))


def system_resolver() -> dns.asyncresolver.Resolver | None:
    """As /etc/resolv.conf says; None where it names no server."""
    try:
        return dns.asyncresolver.Resolver()
    except dns.resolver.NoResolverConfiguration:
        return None


async def _ask(host: str, kind: str, resolver: dns.asyncresolver.Resolver) -> Answer:
    try:
        answer = await resolver.resolve(host, kind, lifetime=LIFETIME, search=True)
    except dns.resolver.NXDOMAIN:
        return Answer((), note=f"{host}: no such name (NXDOMAIN)")
    except dns.resolver.NoAnswer:
        return Answer(())
    except dns.exception.Timeout:
        return Answer((), note=f"{host}: DNS did not answer within {LIFETIME:g} s")
    except dns.resolver.NoNameservers as error:
        return Answer((), note=f"{host}: no DNS server could answer ({_causes(error)})")
    except (dns.exception.DNSException, OSError) as error:
        return Answer((), note=f"{host}: {error}")
    ttl = float(answer.chaining_result.minimum_ttl)
    return Answer(tuple(str(record) for record in answer), min(max(ttl, TTL_MIN), TTL_MAX))


def _causes(error: dns.resolver.NoNameservers) -> str:
    """What the servers said, such as SERVFAIL or REFUSED, without their addresses."""
    said = [str(each[3]) for each in error.kwargs.get("errors", ()) if len(each) > 3]
    return ", ".join(dict.fromkeys(said)) or "no server answered"
