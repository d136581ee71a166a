"""What somebody meant who wrote a word or a value that is not valid: another program's word, a slip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from steelyard.config.fields import Slot
from steelyard.config.finding import show
from steelyard.config.locate import Path, format_path
from steelyard.config.words import did_you_mean, nearest

_OTHER_NAMES = {
    "rr": "round-robin",
    "roundrobin": "round-robin",
    "wrr": "weighted-round-robin",
    "lc": "least-connections",
    "leastconn": "least-connections",
    "least_conn": "least-connections",
    "wlc": "weighted-least-connections",
    "ip_hash": "source-hash",
    "ip-hash": "source-hash",
    "source": "source-hash",
    "sh": "source-hash",
    "mh": "maglev",
    "p2c": "power-of-two",
    "two-choices": "power-of-two",
    "ewma": "peak-ewma",
    "http": "proxy",
    "reverse-proxy": "proxy",
    "stream": "tcp",
    "sticky": "affinity",
    "backends": "servers",
    "upstreams": "pools",
    "health_check": "probe",
    "healthcheck": "probe",
    "frontends": "services",
    "bind": "listen",
    "maxconn": "max_connections",
}
"""What the same thing is called elsewhere."""

_SHORT_FORMS = {"Server": "address", "Probe": "type", "Affinity": "by", "ProxyProtocol": "send", "Log": "access"}
"""The key that somebody meant who wrote a text where a table stands."""

_TRUTHS = {"true": "true", "yes": "true", "on": "true", "1": "true"} | dict.fromkeys(
    ("false", "no", "off", "0"), "false"
)


def meant_word(word: object, valid: Iterable[str]) -> str | None:
    """The valid word that is nearest in meaning or in letters."""
    valid = tuple(valid)
    other = _OTHER_NAMES.get(str(word).lower())
    return other if other in valid else nearest(word, valid)


def meant_value(slot: Slot, path: Path, value: object) -> str:
    """The nearest valid value for one of the wrong type, or for a misspelt word."""
    return did_you_mean(next(_guesses(slot, path, value), None))


def _guesses(slot: Slot, path: Path, value: object) -> Iterator[str]:
    if slot.choices:
        word = meant_word(value, slot.choices)
        yield from [show(word)] if word is not None else []
    elif slot.type is int and isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        yield value.strip()
    elif slot.type is int and isinstance(value, float) and value.is_integer():
        yield str(int(value))
    elif slot.type is float and isinstance(value, str) and value.strip().endswith("%"):
        yield from _percent(value)
    elif slot.type is bool and str(value).lower() in _TRUTHS:
        yield _TRUTHS[str(value).lower()]
    elif slot.type is str and isinstance(value, int | float) and not isinstance(value, bool):
        yield show(str(value))
    elif slot.model is not None and isinstance(value, str) and slot.model.__name__ in _SHORT_FORMS:
        yield f"{{ {_SHORT_FORMS[slot.model.__name__]} = {show(value)} }}"
    elif slot.model is not None and isinstance(value, list):
        yield f"[{format_path(path)}] with single brackets"
    elif slot.items is not None and isinstance(value, dict) and slot.items.model is not None:
        yield f"[[{format_path(path)}]] with double brackets"
    elif slot.items is not None and isinstance(value, str) and slot.items.model is None:
        yield f"[{show(value)}]"


def _percent(text: str) -> Iterator[str]:
    try:
        yield f"{float(text.strip().rstrip('%')) / 100:g}"
    except ValueError:
        return
