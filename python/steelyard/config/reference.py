"""The reference page of the configuration, written from the models: ``python -m steelyard.config.reference > PAGE``.

A test holds the committed page (docs/reference/configuration.md) to what is written here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from steelyard.config.diff import RESTART
from steelyard.config.fields import Slot, short, slot_of
from steelyard.config.finding import show
from steelyard.config.model import PLANNED_MODES, Config
from steelyard.config.needs import GIVES, NEEDS
from steelyard.config.schema import default, plain
from steelyard.config.types import Secret

EXAMPLE = """\
[admin]
listen = "127.0.0.1:9900"

[pools.web]
algorithm = "weighted-least-connections"
servers = [
  { id = "a", address = "10.0.0.11:8080", weight = 5 },
  { id = "b", address = "10.0.0.12:8080" },
  { id = "spare", address = "10.0.0.13:8080", backup = true },
]
probe = { type = "http", path = "/healthz", interval = "2s", timeout = "1s", rise = 2, fall = 3 }
affinity = { by = "cookie", name = "SRV" }
slow_start = "30s"

[services.www]
mode = "proxy"
listen = "0.0.0.0:80"
pool = "web"
trusted_proxies = ["10.0.0.0/8"]
timeouts.response = "30s"

[log]
access = "/var/log/steelyard/access.log"
"""

HEAD = """\
<!-- Written by `python -m steelyard.config.reference`. Do not edit: change the models in python/steelyard/config. -->

# Configuration reference

One [TOML](https://toml.io/en/v1.0.0) file. `steelyard check FILE` reports everything that is wrong with it at once,
each with its line, what was expected, what was found and what was probably meant. `steelyard schema` prints the JSON
schema (draft 2020-12), with which editors complete and check the file as you type.

`steelyard reload`, SIGHUP and `process.watch` take over every word but those marked *Restart*, which are read once,
when the process starts. When one of them has changed, each reload says that it is in force only after a restart.
"""

VALUES = (
    (
        "duration",
        "a number with its unit: `ms`, `s`, `m`, `h` or `d`; a bare number is refused, because nobody remembers which "
        "unit is meant",
        '`"500ms"` `"2s"` `"5m"`',
    ),
    ("size", "bytes, or a number with its unit: `KiB`, `MiB` or `GiB`", '`8192` `"16KiB"`'),
    (
        "address",
        "`host:port` or `[v6]:port`; for servers also `unix:/path`; for listeners also `:port`, every address of the "
        "machine, IPv6 and IPv4; a host name is resolved at start and again as its TTL runs out",
        '`"10.0.0.11:8080"` `"[2001:db8::1]:80"` `"unix:/run/app.sock"`',
    ),
    ("network", "an address, or a network without host bits", '`"10.0.0.0/8"` `"2001:db8::/32"`'),
    ("name", "at most 63 letters, digits, `_`, `-` and `.`; also as NAME in `[pools.NAME]`", '`"web"`'),
    ("id", "at most 200 printable ASCII characters without spaces", '`"a"` `"10.0.0.11:8080"`'),
    ("path", "what stands in a request line: begins with `/`, has no space and no `#`", '`"/healthz?deep=1"`'),
    ("host", "a host, with or without a port", '`"www.example.org"`'),
    ("status codes", "codes and inclusive ranges", '`"200-399"` `"200,204"`'),
    ("token", "letters, digits and ``!#$%&'*+-.^_`\\|~`` (RFC 9110 §5.6.2)", '`"X-Request-Id"`'),
    (
        "target",
        "`off`, `stdout`, `stderr`, or a path with a slash",
        '`"stdout"` `"/var/log/steelyard/access.log"` `"./access.log"`',
    ),
    (
        "secret",
        "a table that says where the secret is, which is never in the file itself",
        '`{ env = "NAME" }` `{ file = "/run/secrets/token" }`',
    ),
)


def page() -> str:
    """The whole page."""
    parts = [HEAD, f"```toml\n{EXAMPLE}```\n", *_sections(Config, ""), _values(), _algorithms()]
    return "\n".join(parts)


def _sections(model: type[BaseModel], path: str) -> Iterator[str]:
    """A section for the part, then those for the parts inside it."""
    title = f"`[{path}]`" if path else "The file"
    rows = [_row(f"{path}.{name}", name, field) for name, field in model.model_fields.items()]
    table = "\n".join(["| word | type | default | meaning |", "|---|---|---|---|", *rows])
    yield f"## {title}\n\n{_cell(plain(model.__doc__ or ''))}\n\n{table}\n"
    for name, field in model.model_fields.items():
        slot = slot_of(field)
        below = f"{path}.{name}" if path else name
        if slot.model is not None and slot.model is not Secret:
            yield from _sections(slot.model, below)
        elif slot.items is not None and slot.items.model is not None:
            yield from _sections(slot.items.model, f"{below}.NAME" if slot.is_named_parts else f"[{below}]")


def _row(word: str, name: str, field: FieldInfo) -> str:
    slot = slot_of(field)
    meaning = plain(field.description or "") + (" *Restart.*" if word in RESTART else "")
    return f"| `{name}` | {_cell(short(slot))} | {_default(slot, field)} | {_cell(meaning)} |"


def _default(slot: Slot, field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = default(slot, field.default)
    if value in (None, "", []):
        return "–"
    return f"`{show(value)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _values() -> str:
    rows = [f"| {name} | {meaning} | {examples} |" for name, meaning, examples in VALUES]
    return "\n".join(["## Values", "", "| type | what it is | examples |", "|---|---|---|", *rows]) + "\n"


def _algorithms() -> str:
    """What each algorithm needs, and in which modes it works."""
    rows = []
    for name, needs in NEEDS.items():
        works = " ".join(f"`{mode}`" for mode in GIVES if needs <= GIVES[mode])
        rows.append(f"| `{name}` | {', '.join(sorted(needs)).replace('-', ' ') or '–'} | {works} |")
    planned = ", ".join(f"`{mode}`" for mode in PLANNED_MODES)
    head = f"## What algorithms need\n\nModes that are planned and refused today: {planned}.\n\n"
    return head + "\n".join(["| algorithm | needs to know | works in mode |", "|---|---|---|", *rows]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
