"""What must hold between a service and the pool behind it, and between the words of one service."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from steelyard.config.finding import Finding, one_of, show
from steelyard.config.locate import Path
from steelyard.config.model import Config, Limits, Pool, ProxyProtocol, Service, Timeouts
from steelyard.config.types import split_host_port
from steelyard.config.words import did_you_mean, nearest

_HTTP_ONLY = {
    Service: ("forwarded", "via", "request_id"),
    Timeouts: ("header", "body", "response", "upstream_idle"),
    Limits: ("request_line", "header_bytes", "header_count", "body_rate_min"),
}
"""Words that mean nothing where no HTTP is read."""


def findings(config: Config) -> Iterator[Finding]:
    if not config.services:
        cure = "add [services.NAME] with mode, listen and pool"
        yield Finding(("services",), "nothing is served: there is no service", cure, "warning", "key")
    for name, service in config.services.items():
        path: Path = ("services", name)
        pool = config.pools.get(service.pool)
        if pool is None:
            yield _unknown_pool(path, service.pool, config)
        else:
            yield from _pool(path, service, pool)
        yield from _proxy_protocol(path, service)
        yield from _trusted(path, service)
        if service.mode == "tcp":
            yield from _http_words(path, service)


def _unknown_pool(path: Path, name: str, config: Config) -> Finding:
    near = nearest(name, config.pools)
    if not config.pools:
        cure = f"add [pools.{name or 'NAME'}] with its servers"
    else:
        cure = (
            did_you_mean(show(near)) if near is not None else f"add [pools.{name or 'NAME'}], or name one that is there"
        )
    known = f" ({one_of([show(each) for each in config.pools][:10])})" if config.pools else ", but the file has none"
    message = f"expected the name of a pool{known}, found {show(name)}"
    return Finding((*path, "pool"), message, cure, reads=(("pools", name),))


def _pool(path: Path, service: Service, pool: Pool) -> Iterator[Finding]:
    mode: Path = (*path, "mode")
    behind: Path = ("pools", service.pool)
    if service.mode == "tcp" and pool.affinity is not None and pool.affinity.by == "cookie":
        message = f"pool {show(service.pool)} keeps clients by cookie, and mode tcp reads no cookies"
        cure = 'use mode = "proxy", or affinity = { by = "source" } in the pool'
        yield Finding(mode, message, cure, reads=((*path, "pool"), (*behind, "affinity")))
    for index, server in enumerate(pool.servers):
        if _is_itself(service.listen, server.address):
            place: Path = (*behind, "servers", index, "address")
            message = f"service {show(path[-1])} listens on {service.listen} itself and would send to itself"
            yield Finding(place, message, reads=((*path, "listen"), (*path, "pool")))


def _is_itself(listen: str, address: str) -> bool:
    """Whether a server is the listener: the same address, or this machine's loopback where it listens on every one."""
    if address == listen:
        return True
    if address.startswith("unix:"):
        return False
    (host, port), (other, other_port) = split_host_port(listen), split_host_port(address)
    if port != other_port or not port:
        return False
    try:
        ours, theirs = ipaddress.ip_address(host), ipaddress.ip_address(other)
    except ValueError:
        return False
    both = host == "::" or ours.version == theirs.version
    return both and ours.is_unspecified and (theirs.is_loopback or theirs.is_unspecified)


def _proxy_protocol(path: Path, service: Service) -> Iterator[Finding]:
    protocol: ProxyProtocol = service.proxy_protocol
    here: Path = (*path, "proxy_protocol")
    if protocol.accept and not service.trusted_proxies:
        message = "expected trusted_proxies with the networks that may send the PROXY protocol, found none"
        cure = 'add trusted_proxies = ["10.0.0.0/8"], or the addresses of the proxies in front'
        yield Finding((*here, "accept"), message, cure, reads=((*path, "trusted_proxies"),))
    if protocol.send != "off" and service.mode == "proxy":
        message = f'expected "off" in mode proxy, found {show(protocol.send)}: servers get the client in fields instead'
        cure = 'use mode = "tcp", or leave it out: X-Forwarded-For is sent anyway'
        yield Finding((*here, "send"), message, cure, reads=((*path, "mode"),))


def _trusted(path: Path, service: Service) -> Iterator[Finding]:
    for index, network in enumerate(service.trusted_proxies):
        if ipaddress.ip_network(network).prefixlen == 0:
            message = f"{network} is everybody: any client could say that it is another"
            cure = "name the networks of your own proxies only"
            yield Finding((*path, "trusted_proxies", index), message, cure, "warning")


def _http_words(path: Path, service: Service) -> Iterator[Finding]:
    parts: tuple[tuple[Path, Service | Timeouts | Limits], ...] = (
        (path, service),
        ((*path, "timeouts"), service.timeouts),
        ((*path, "limits"), service.limits),
    )
    for place, part in parts:
        for word in _HTTP_ONLY[type(part)]:
            waits_for_header = word == "header" and service.proxy_protocol.accept
            if getattr(part, word) != type(part).model_fields[word].default and not waits_for_header:
                message = "no effect in mode tcp, which reads no HTTP"
                cure = 'use mode = "proxy", or leave it out'
                yield Finding((*place, word), message, cure, "warning", "key", ((*path, "mode"),))
