"""For operators: ``python -m steelyard.sessions URL count | list PRINCIPAL | end PRINCIPAL | purge``.

``env:NAME`` in place of a URL takes it from a variable of the environment, where other users of the machine do not see
the password in the list of processes. Works on the store itself, beside the applications: their hooks are not called. A
member of ``replicated://`` would join the cluster to be asked, and ``memory://`` is another one in every process:
neither is of use here.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from steelyard.sessions.errors import SessionError, StoreMisconfigured
from steelyard.sessions.manager import Manager
from steelyard.sessions.plan import carry_out
from steelyard.sessions.stores import open_store


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m steelyard.sessions", description="Look after a store of sessions.")
    parser.add_argument("url", help="the store, such as redis://127.0.0.1/0, or env:NAME to take it from a variable")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("count", help="how many sessions there are")
    for name, help_ in (("list", "the sessions of a principal"), ("end", "log a principal out everywhere")):
        commands.add_parser(name, help=help_).add_argument("principal")
    commands.add_parser("purge", help="remove what is past its end; stores that do it themselves have none")
    asked = parser.parse_args(arguments)
    try:
        return _carry_out(asked)
    except SessionError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2 if isinstance(error, StoreMisconfigured) else 1


def _carry_out(asked: argparse.Namespace) -> int:
    store = open_store(_url(asked.url))
    if store.in_process:
        raise StoreMisconfigured(
            f"{store.name}:// sessions are in the applications' processes, not in a store to be asked"
        )
    connector, manager = store.connector(), Manager(store)
    try:
        match asked.command:
            case "count":
                print(carry_out(manager.count(), connector))
            case "list":
                for stored in carry_out(manager.of_principal(asked.principal), connector):
                    print(f"ends {_time(stored.expires)} unless it is used, version {stored.version}")
            case "end":
                print(carry_out(manager.end_all(asked.principal), connector))
            case "purge":
                removed = 0
                while found := carry_out(manager.purge(), connector):
                    removed += found
                print(removed)
    finally:
        connector.close()
    return 0


def _url(given: str) -> str:
    kind, _, name = given.partition(":")
    if kind != "env":
        return given
    if url := os.environ.get(name):
        return url
    raise StoreMisconfigured(f"{given}: the variable {name} is not set; export it, or give the URL itself")


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


if __name__ == "__main__":
    sys.exit(main())
