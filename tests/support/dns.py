"""A small real DNS server on loopback (UDP, dnspython for the wire): records, TTLs, failures and silence at will."""

from __future__ import annotations

import asyncio
from collections import Counter
from types import TracebackType
from typing import Self, cast

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer:
    """``records["app.example."] = {"A": ["10.0.0.1"]}``; a name that is not there does not exist (NXDOMAIN)."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, list[str]]] = {}
        self.ttl = 60
        self.rcode = dns.rcode.NOERROR
        self.silent = False
        self.asked: Counter[str] = Counter()
        """Questions by "name type"."""
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Protocol(self), local_addr=("127.0.0.1", 0))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._transport is not None:
            self._transport.close()

    def resolver(self) -> dns.asyncresolver.Resolver:
        """A resolver that asks this server and nobody else."""
        assert self._transport is not None
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self._transport.get_extra_info("sockname")[1]
        return resolver

    def answer(self, wire: bytes) -> bytes | None:
        query = dns.message.from_wire(wire)
        [question] = query.question
        name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked[f"{name} {kind}"] += 1
        if self.silent:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        response.set_rcode(self.rcode)
        known = self.records.get(name)
        if known is None and self.rcode == dns.rcode.NOERROR:
            response.set_rcode(dns.rcode.NXDOMAIN)
        for value in (known or {}).get(kind, []) if self.rcode == dns.rcode.NOERROR else []:
            response.answer.append(dns.rrset.from_text(question.name, self.ttl, "IN", kind, value))
        return response.to_wire()


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if (answer := self._server.answer(data)) is not None:
            self._transport.sendto(answer, addr)
