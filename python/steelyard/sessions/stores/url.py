"""From a URL to a store. Each store's module, and with it its client library, is loaded only when it is named."""

from __future__ import annotations

import difflib
from importlib import import_module
from urllib.parse import urlsplit

from steelyard.sessions.errors import StoreMisconfigured
from steelyard.sessions.stores.base import Store

_SCHEMES = {
    "memory": "memory",
    "memcached": "memcached",
    "mysql": "mysql",
    "postgresql": "postgresql",
    "redis": "redis",
    "rediss": "redis",
    "replicated": "replicated",
    "sqlite": "sqlite",
}
"""Scheme to the module that has ``from_url``."""


def open_store(store: str | Store) -> Store:
    """The store of a URL; a ``Store`` is returned as it is. Nothing is connected yet."""
    if isinstance(store, Store):
        return store
    known = f"known are {', '.join(sorted(_SCHEMES))}"
    scheme, separator, _ = store.partition("://")
    if not separator:
        # Not the text itself: it may have a password in it.
        raise StoreMisconfigured(f"a store is a URL such as redis://127.0.0.1/0; {known}")
    if scheme not in _SCHEMES:
        near = difflib.get_close_matches(scheme, _SCHEMES, 1)
        hint = f"; did you mean {near[0]}://?" if near else ""
        raise StoreMisconfigured(f"no store for {scheme}://: {known}{hint}")
    _check(scheme, store)
    try:
        opened = import_module(f"steelyard.sessions.stores.{_SCHEMES[scheme]}").from_url(store)
    except ValueError as error:  # of a client library: a value that is none for its option
        raise StoreMisconfigured(f"{scheme}:// URL: {error}") from None
    assert isinstance(opened, Store)
    return opened


def _check(scheme: str, url: str) -> None:
    """That the server can be told from the rest. The standard library's own words quote a password that has
    a ``/`` in it, as the port that it seems to be."""
    try:
        parts = urlsplit(url)
        if scheme != "postgresql" or "," not in parts.netloc:  # which takes several servers
            _ = parts.port
    except ValueError:
        raise StoreMisconfigured(
            f"{scheme}:// URL: its host or port cannot be read; a port is a number up to 65535, an IPv6 address "
            "stands in brackets, and in a user's name or password / is written %2F, ? %3F, # %23, @ %40, [ %5B"
        ) from None
