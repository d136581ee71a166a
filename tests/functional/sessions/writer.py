"""A writer of its own process: adds one to its own key of one shared session, over and over.

``python -m tests.functional.sessions.writer URL ID NAME REQUESTS``; each round is a request of its own.
"""

from __future__ import annotations

import sys

from steelyard.sessions.manager import Manager
from steelyard.sessions.plan import carry_out
from steelyard.sessions.settings import Settings
from steelyard.sessions.stores import open_store


def main(url: str, session_id: str, name: str, requests: int) -> None:
    store = open_store(url)
    connector, manager = store.connector(), Manager(store, Settings(insecure=True))
    for _ in range(requests):
        session = manager.session(session_id)
        carry_out(manager.load(session), connector)
        session[name] = session.get(name, 0) + 1
        carry_out(manager.save(session), connector)
    connector.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
