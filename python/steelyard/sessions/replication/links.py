"""Members' links by zenoh: who is there, and messages there and back. It knows no sessions and decides nothing.

Membership is zenoh's liveliness: a token a member, gone with its link. A request is a query to one member's queryable.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Callable
from typing import Any

from steelyard.sessions.errors import StoreMisconfigured, StoreUnavailable
from steelyard.sessions.replication.options import Options, password, transport

try:
    import zenoh
except ImportError:
    raise StoreMisconfigured("a replicated:// store needs zenoh: pip install 'steelyard[replicated]'") from None

Serve = Callable[[bytes], bytes]
Seen = Callable[[str, str, bool], None]
"""Name, incarnation, and whether it is there."""


class Links:
    """One open zenoh session."""

    def __init__(self, options: Options, incarnation: str) -> None:
        self._prefix = f"steelyard/{options.cluster}"
        self._me = f"{options.name}/{incarnation}"
        self._counting = threading.Lock()
        self._declared: list[Any] = []
        self._token: Any = None
        self.bytes_sent = 0
        self._session = _opened(options)

    def watch(self, seen: Seen) -> None:
        """Tell of members that come and go, of those that are there at once."""

        def change(sample: Any) -> None:
            name, incarnation = str(sample.key_expr).split("/")[-2:]
            seen(name, incarnation, sample.kind == zenoh.SampleKind.PUT)

        there = self._session.liveliness().declare_subscriber(f"{self._prefix}/member/*/*", change, history=True)
        self._declared.append(there)

    def serve(self, kind: str, answer: Callable[[bytes, Callable[[bytes], None]], None]) -> None:
        """Have requests of one kind answered; the callback runs in a thread of its own."""
        path = f"{self._prefix}/{kind}/{self._me}"

        def asked(query: Any) -> None:
            payload = query.payload

            def reply(data: bytes) -> None:
                with query:
                    query.reply(path, data)
                self._count(len(data))

            answer(payload.to_bytes() if payload is not None else b"", reply)

        self._declared.append(self._session.declare_queryable(path, asked))

    def announce(self) -> None:
        """Be a member from now on."""
        self._token = self._session.liveliness().declare_token(f"{self._prefix}/member/{self._me}")

    def withdraw(self) -> None:
        """Be a member no longer; requests are still answered."""
        if self._token is not None:
            self._token.undeclare()
            self._token = None

    def ask(self, kind: str, members: list[tuple[str, str]], data: bytes, timeout: float) -> list[bytes | None]:
        """The members' answers, None for one that gave none in time. All are asked at once."""
        waiting = [
            self._session.get(
                f"{self._prefix}/{kind}/{name}/{incarnation}",
                payload=data,
                timeout=timeout,
                consolidation=zenoh.ConsolidationMode.NONE,
                congestion_control=zenoh.CongestionControl.BLOCK,
            )
            for name, incarnation in members
        ]
        self._count(len(data) * len(members))
        answers: list[bytes | None] = []
        for replies in waiting:
            good = [reply.ok.payload.to_bytes() for reply in replies if reply.ok is not None]
            answers.append(good[0] if good else None)
        return answers

    def close(self) -> None:
        self._session.close()

    def _count(self, sent: int) -> None:
        with self._counting:
            self.bytes_sent += sent


def _opened(options: Options) -> Any:
    config = zenoh.Config()
    settings = transport(options)
    # zenoh reads the passwords that it accepts from a file only, and only while it opens.
    with tempfile.NamedTemporaryFile("w", prefix="steelyard-", suffix=".members") as accepted:
        os.chmod(accepted.name, 0o600)
        if options.secret:
            accepted.write(f"member:{password(options)}\n")
            accepted.flush()
            auth = "transport/auth/usrpwd/"
            settings |= {auth + "user": "member", auth + "password": password(options)}
            settings[auth + "dictionary_file"] = accepted.name
        try:
            for key, value in settings.items():
                config.insert_json5(key, json.dumps(value))
            return zenoh.open(config)
        except zenoh.ZError as error:
            raise StoreUnavailable(f"member {options.name} cannot listen on {options.listen}: {error}") from None
