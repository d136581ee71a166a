"""A store's URL: what is wrong in it is told when it is opened, with what to write, and never with a password."""

from __future__ import annotations

import pytest

from steelyard.sessions import Settings
from steelyard.sessions.errors import StoreMisconfigured
from steelyard.sessions.stores import open_store


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://:secret@h?timeout=soon", "redis:// option timeout is a time in seconds above 0, found 'soon'"),
        ("redis://:secret@h?timout=1", "timout"),
        ("redis://:secret@h?cluster=maybe", "cluster is true or false, found 'maybe'"),
        ("redis://:secret@h:99999", "a port is a number up to 65535"),
        ("memcached://h:99999", "a port is a number up to 65535"),
        ("memcached://h?pool=many", "pool is a whole number from 1, found 'many'"),
        ("memcached://h?prefx=a", "no option prefx: known are pool, prefix, timeout; did you mean prefix?"),
        ("sqlite:///x?tabel=y", "no option tabel: known are table, timeout; did you mean table?"),
        ("sqlite:///x?timeout=-1", "timeout is a time in seconds above 0, found '-1'"),
        ("sqlite:///x?table=a;b", "a table's name is a plain identifier"),
        ("mysql://u:secret@h", "the database is missing"),
        ("mysql://u:secret@h/d?tiemout=1", "did you mean timeout?"),
        ("postgresql://u:secret@h/d?sslmod=require", "sslmod"),
        ("postgresql://u:secret@h/d?pool=0", "pool is a whole number from 1, found '0'"),
        ("memory://?size=3", "memory:// has no option size: it has none"),
        ("replicated://:secret@h:1", "expected replicated://NAME@HOST:PORT"),
        ("", "a store is a URL such as redis://127.0.0.1/0"),
        ("u:secret@h", "a store is a URL"),
        ("reddis://u:secret@h", "no store for reddis://: known are"),
        ("redis://[::1", "redis:// URL: its host or port cannot be read"),
        ("redis://:secret/more@h", "in a user's name or password / is written %2F"),
        ("redis://:secret#more@h?cluster=true", "# %23"),
        ("redis://:s℀secret@h", "redis:// URL: its host or port cannot be read"),
        ("redis://h/0?db=secret", "redis:// URL: Invalid value for 'db'"),
        ("mysql://u:secret?more@h/d", "? %3F"),
        ("postgresql://u:secret/more@h/d", "/ is written %2F"),
    ],
)
def test_a_mistake_is_told_when_it_is_opened(url: str, told: str) -> None:
    for library in {
        "redis": ["redis"],
        "memcached": ["pymemcache"],
        "mysql": ["asyncmy"],
        "postgresql": ["psycopg"],
        "replicated": ["zenoh"],
    }.get(url.partition(":")[0], []):
        pytest.importorskip(library)
    with pytest.raises(StoreMisconfigured) as raised:
        open_store(url)
    assert told in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("name", ["signing_keys", "encryption_keys"])
@pytest.mark.parametrize("keys", ["hush", b"hush", ("hush",), (b"hush", ""), (b"",), [b"hush", None]])
def test_keys_that_are_none_are_told_without_them(name: str, keys: object) -> None:
    with pytest.raises(StoreMisconfigured, match=f"{name} is a tuple of keys") as raised:
        Settings(**{name: keys})  # type: ignore[arg-type]
    assert "hush" not in str(raised.value)
