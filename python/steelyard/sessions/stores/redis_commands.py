"""What is asked of Redis: commands as values, and as the bytes of the protocol. No socket here."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

Word = str | bytes | int


class Script(NamedTuple):
    """A script and its digest, by which the server knows it after the first time."""

    text: str
    digest: str


def script(text: str) -> Script:
    """A script from its text."""
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


class Ask(NamedTuple):
    """A command, word by word."""

    words: tuple[Word, ...]


class Run(NamedTuple):
    """A command: a script on one key."""

    script: Script
    key: str
    arguments: tuple[Word, ...] = ()

    def by_digest(self) -> tuple[Word, ...]:
        """The words for a server that knows the script."""
        return ("EVALSHA", self.script.digest, 1, self.key, *self.arguments)

    def in_full(self) -> tuple[Word, ...]:
        """The words for one that does not."""
        return ("EVAL", self.script.text, 1, self.key, *self.arguments)


class Count(NamedTuple):
    """A command: how many sessions there are under a prefix."""

    prefix: str


Command = Ask | Run | Count


def pack(words: tuple[Word, ...]) -> bytes:
    """An array of bulk strings, as a client sends commands (the Redis serialization protocol, RESP2)."""
    packed = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if type(word) is bytes else str(word).encode()
        packed.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(packed)
