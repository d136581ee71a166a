"""Who keeps what: rendezvous hashing of partitions over the members. Pure.

Every key belongs to one of ``PARTITIONS`` partitions; for each partition every member has a score, and the highest
ones keep it (Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998). The first of them, the
owner, decides on writes. When a member comes or goes only the partitions move that it wins or held. Partitions rather
than keys are placed, so that copies can be compared by one digest each.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

PARTITIONS = 1024


def partition(key: str) -> int:
    """The partition of a key."""
    return int.from_bytes(blake2b(key.encode(), digest_size=4).digest()) % PARTITIONS


def holders(number: int, names: tuple[str, ...], copies: int) -> tuple[str, ...]:
    """The members that keep a partition, the owner first. ``copies`` 0 means all."""
    ranked = sorted(names, key=lambda name: (_score(number, name), name), reverse=True)
    return tuple(ranked[: copies or None])


def _score(number: int, name: str) -> bytes:
    return blake2b(number.to_bytes(4) + name.encode(), digest_size=8).digest()


@dataclass(frozen=True)
class View:
    """Who is there, as one member sees it. Two members work together only while their views are equal.

    ``members`` are names with incarnations: who died and came back has forgotten everything and is another member.
    """

    members: frozenset[tuple[str, str]]
    copies: int

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(name for name, _ in self.members))

    @cached_property
    def digest(self) -> str:
        """Short, and equal where views are."""
        text = "\n".join(f"{name} {incarnation}" for name, incarnation in sorted(self.members))
        return blake2b(f"{self.copies}\n{text}".encode(), digest_size=8).hexdigest()

    @cached_property
    def table(self) -> tuple[tuple[str, ...], ...]:
        """The holders of every partition."""
        return tuple(holders(number, self.names, self.copies) for number in range(PARTITIONS))

    def with_member(self, name: str, incarnation: str) -> View:
        """A name's newest incarnation takes the place of its earlier ones; an earlier one is not news."""
        if any(other == name and earlier >= incarnation for other, earlier in self.members):
            return self
        others = frozenset(member for member in self.members if member[0] != name)
        return View(others | {(name, incarnation)}, self.copies)

    def without_member(self, name: str, incarnation: str) -> View:
        return View(self.members - {(name, incarnation)}, self.copies)
