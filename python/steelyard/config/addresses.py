"""Addresses as text: of servers, of listeners, of networks. Nothing is resolved here.

Host names follow RFC 1123 §2.1 with the underscore that container networks use; a last label of digits only is an IPv4
address that is wrong, never a name (RFC 3696 §2).
"""

from __future__ import annotations

import ipaddress
import re

from steelyard.config.words import WrongValue, did_you_mean

SERVER_EXPECTED = '"host:port", "[v6]:port" or "unix:/path"'
LISTEN_EXPECTED = '"host:port", "[v6]:port" or ":port"'
NETWORK_EXPECTED = 'an address or a network such as "10.0.0.0/8"'
HOST_NAME_MAX = 253
UNIX_PATH_MAX = 107
"""``sun_path`` has 108 bytes, the last of which is zero (unix(7))."""

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_DOTTED = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+")
_NUMERIC_END = re.compile(r"(?:.*\.)?[0-9]+\.?")
_URL = re.compile(r"[a-z][a-z0-9+]*://([^/]+).*", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}


def split_host_port(text: str) -> tuple[str, int]:
    """``host:port`` or ``[v6]:port`` as (host, port); the host is a literal or a name, without brackets."""
    return _split(text, '"host:port" or "[v6]:port"')


def join_host_port(host: str, port: int) -> str:
    """The inverse of ``split_host_port``: brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_address(value: object) -> str:
    """A server's address: ``host:port``, ``[v6]:port`` or ``unix:/path``, in its normal form."""
    if not isinstance(value, str):
        raise WrongValue(SERVER_EXPECTED)
    if value.startswith("unix:"):
        if not value.startswith("unix:/") or len(value.encode()) > 5 + UNIX_PATH_MAX or "\0" in value:
            raise WrongValue(f'"unix:" and an absolute path of at most {UNIX_PATH_MAX} bytes')
        return value
    if value.startswith("/"):
        raise WrongValue(SERVER_EXPECTED, did_you_mean(f'"unix:{value}"'))
    host, port = _split(value, SERVER_EXPECTED)
    if port == 0:
        raise WrongValue("a port from 1 to 65535 in a server's address")
    return join_host_port(host, port)


def parse_listen_address(value: object) -> str:
    """Where we listen: ``host:port``, ``[v6]:port`` or ``:port``, every address of this machine; port 0 takes a free
    one. The normal form of every address is ``[::]:port``, which takes IPv4 as well, and alone where IPv6 is missing.
    """
    if not isinstance(value, str):
        is_port = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 65535
        raise WrongValue(LISTEN_EXPECTED, did_you_mean(f'":{value}"') if is_port else "")
    if re.fullmatch("[0-9]{1,5}", value) and int(value) <= 65535:
        raise WrongValue(LISTEN_EXPECTED, did_you_mean(f'":{value}"'))
    every = value.startswith(":") and value.count(":") == 1
    host, port = _split("[::]" + value if every else value, LISTEN_EXPECTED)
    return join_host_port(host, port)


def parse_network(value: object) -> str:
    """An address or a CIDR network such as ``10.0.0.0/8``, in its normal form."""
    if not isinstance(value, str):
        raise WrongValue(NETWORK_EXPECTED)
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        pass
    try:
        meant = str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        raise WrongValue(NETWORK_EXPECTED) from None
    raise WrongValue("a network without host bits", did_you_mean(f'"{meant}"'))


def is_loopback(listen: str) -> bool:
    """Whether only this machine reaches the address. A name other than ``localhost`` is taken to be reachable."""
    host, _ = split_host_port(listen)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"


def _split(text: str, expected: str) -> tuple[str, int]:
    host, separator, digits = text.rpartition(":")
    if not separator or not digits.isascii() or not digits.isdigit() or "://" in text:
        raise WrongValue(expected, _guess(text))
    port = int(digits) if len(digits) <= 5 else 65536
    if port > 65535:
        raise WrongValue("a port from 0 to 65535")
    if host.startswith("[") and host.endswith("]"):
        return _ipv6(host[1:-1]), port
    if ":" in host:
        raise WrongValue("an IPv6 address in brackets", _guess(text))
    if _DOTTED.fullmatch(host):
        return _ipv4(host), port
    if not _HOST_NAME.fullmatch(host) or len(host) > HOST_NAME_MAX or _NUMERIC_END.fullmatch(host):
        raise WrongValue("an IPv4 address, an IPv6 address in brackets or a host name before the port")
    return host, port


def _ipv4(host: str) -> str:
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        raise WrongValue('an IPv4 address of four numbers from 0 to 255, such as "10.0.0.1"') from None


def _ipv6(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        raise WrongValue('an IPv6 address between the brackets, such as "[2001:db8::1]:80"') from None
    if address.scope_id is not None:
        raise WrongValue('an IPv6 address without a zone, such as "[2001:db8::1]:80"')
    return str(address)


def _guess(text: str) -> str:
    """The cure for the ways in which addresses are most often miswritten: a URL, no port, no brackets."""
    if (url := _URL.fullmatch(text)) is not None:
        port = "" if re.search(r":[0-9]+$", url[1]) else f":{_PORTS.get(text.partition(':')[0].lower(), 80)}"
        return did_you_mean(f'"{url[1]}{port}"')
    host, _, port = text.rpartition(":")
    for guess in (f"[{host}]:{port}", f"[{text}]:80"):
        try:
            ipaddress.IPv6Address(guess[1 : guess.index("]")])
        except ValueError:
            continue
        if guess.rpartition(":")[2].isdigit():
            return did_you_mean(f'"{guess}"')
    host = text.rstrip(":")
    if _HOST_NAME.fullmatch(host) and (_DOTTED.fullmatch(host) or not _NUMERIC_END.fullmatch(host)):
        return f'add the port, as in "{host}:80"'
    return ""
