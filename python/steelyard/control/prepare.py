"""What input and output must find out before a configuration can be reduced: secrets, and what names mean.

Reads files, the environment and names; decides nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping

from steelyard.config.model import Config, Service
from steelyard.config.types import join_host_port, split_host_port
from steelyard.control.events import ConfigChanged
from steelyard.control.state import name_to_resolve
from steelyard.discovery.resolver import Resolver
from steelyard.errors import ConfigError, Problem


async def prepare(config: Config, resolver: Resolver, random_key: bytes, file: str) -> ConfigChanged:
    """The event that takes ``config`` over. ``ConfigError``: a secret or a listener's name cannot be had."""
    hosts = {
        host
        for pool in config.pools.values()
        for server in pool.servers
        if (host := name_to_resolve(server.address)) is not None
    }
    keys = _keys(config, random_key, file)
    listens, names = await asyncio.gather(_listens(config.services, file), resolver.resolve(hosts))
    return ConfigChanged(config, keys, listens, names)


def _keys(config: Config, random_key: bytes, file: str) -> dict[str, bytes]:
    """The key of each pool's marks: the configured one, or this process's random one."""
    keys, problems = {}, []
    for name, pool in config.pools.items():
        secret = pool.affinity.key if pool.affinity is not None else None
        try:
            keys[name] = random_key if secret is None else secret.reveal()
        except (LookupError, OSError) as error:
            problems.append(Problem(file, 0, f"pools.{name}.affinity.key", f"the secret cannot be read: {error}"))
    if problems:
        raise ConfigError(tuple(problems))
    return keys


async def _listens(services: Mapping[str, Service], file: str) -> dict[str, str]:
    """Service to the address to listen on, its host name resolved once, by the system."""
    listens, problems = {}, []
    for name, service in services.items():
        try:
            listens[name] = await _listen(service.listen)
        except OSError as error:
            problem = (
                f"{service.listen!r} cannot be resolved ({error.strerror or error}); use an address of this machine"
            )
            problems.append(Problem(file, 0, f"services.{name}.listen", problem))
    if problems:
        raise ConfigError(tuple(problems))
    return listens


async def _listen(address: str) -> str:
    if name_to_resolve(address) is None:
        return address
    host, port = split_host_port(address)
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return join_host_port(str(found[0][4][0]), port)
