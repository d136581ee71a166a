"""A member of the cluster: it serves its partitions, keeps copies of others', and asks owners for what it has not.

The rule that keeps acknowledged writes: an owner answers only after every other holder has the copy, and members work
together only under equal views, so that of two who think themselves owner at most one finds its holders willing. After
a change of membership a member is not settled until it has compared its partitions with every other's; until then it
asks all the others for each key that it decides on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from steelyard.sessions.errors import StoreUnavailable
from steelyard.sessions.keys import Seal
from steelyard.sessions.metrics import Metric
from steelyard.sessions.replication import wire
from steelyard.sessions.replication.links import Links
from steelyard.sessions.replication.options import Options
from steelyard.sessions.replication.placement import PARTITIONS, View, partition
from steelyard.sessions.replication.replica import Answer, Held, Operation, Replica
from steelyard.sessions.replication.wire import Message, WireError

log = logging.getLogger("steelyard.sessions.replication")

COMPARE_S = 30.0
"""How often copies are compared while nothing happens."""
RETRY_S = 0.03
"""A pause for views to become equal again."""
WORKERS = 16


class Moved(Exception):
    """Ask again: the other is gone, or sees other members than we do."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What replication holds and costs. Times are seconds."""

    members: int
    settled: bool
    records: int
    sessions: int
    bytes_held: int
    bytes_sent: int
    writes: int
    """Writes that this member decided as owner."""
    catch_up: float
    """How long the last catching-up after a change of membership took."""


METRICS: dict[str, tuple[Literal["gauge", "counter"], str, str]] = {
    "members": ("gauge", "members", "Members that this one sees, itself included."),
    "settled": ("gauge", "settled", "1 if this member has caught up with the others, 0 while it does."),
    "records": ("gauge", "records", "Records kept here: sessions, tombstones of ended ones, leases."),
    "sessions": ("gauge", "sessions", "Copies of sessions kept here; all members' sum counts each one once a copy."),
    "bytes_held": ("gauge", "held_bytes", "Bytes of the bodies kept here."),
    "bytes_sent": ("counter", "sent_bytes", "Bytes sent to other members."),
    "writes": ("counter", "writes", "Writes that this member decided as their sessions' owner."),
    "catch_up": ("gauge", "catch_up_seconds", "How long the last catching-up after a change of membership took."),
}
"""A field of ``Stats`` to kind, name and meaning."""


def as_metrics(stats: Stats) -> list[Metric]:
    """The figures for whatever collects metrics."""
    found = asdict(stats)
    return [Metric(name, kind, meaning, float(found[field])) for field, (kind, name, meaning) in METRICS.items()]


class Node:
    """Started by ``start``; then ``ask`` from as many threads as there are."""

    def __init__(self, options: Options, seal: Seal) -> None:
        self.options = options
        self._incarnation = f"{time.time_ns():x}"
        self._replica = Replica()
        self._replica.seal = seal
        self.view = View(frozenset(), options.copies)
        self._settled: View | None = None
        self._changed = threading.Condition()
        """Guards the replica, the view and what is settled."""
        self._stripes = [threading.Lock() for _ in range(64)]
        self._wake = threading.Event()
        self._closing = False
        self._writes, self._catch_up = 0, 0.0
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="steelyard-owner")

    # Life ------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Join the cluster, and return when this member has caught up with it."""
        self.links = Links(self.options, self._incarnation)
        self.links.serve("data", lambda data, reply: reply(self._serve(data, self._data)))
        self.links.serve("ask", lambda data, reply: _ignore(self._workers.submit(self._serve_later, data, reply)))
        self.links.watch(self._seen)
        if self.options.peers:
            self._wait(lambda: bool(self.view.members), self.options.join)
        self.links.announce()
        self._tender = threading.Thread(target=self._tend, name="steelyard-copies", daemon=True)
        self._tender.start()
        if not self._wait(self._is_settled, 60 + self.options.join):
            self._closing = True
            self.links.close()
            raise StoreUnavailable(f"member {self.options.name} could not catch up with {', '.join(self.view.names)}")

    def close(self, patience: float = 10.0) -> None:
        """Leave: when all copies are complete, and again when the others have made up for this member's."""
        deadline = time.monotonic() + patience
        self._until_all_settled(deadline)
        with self._changed:
            self._closing = True
        self.links.withdraw()
        self._seen(self.options.name, self._incarnation, False)
        self._until_all_settled(deadline)
        self._wake.set()
        self._tender.join(patience)
        self._workers.shutdown()
        self.links.close()

    def lend(self, seal: Seal) -> None:
        """Join what was sealed with other keys from now on."""
        with self._changed:
            self._replica.seal = seal

    def stats(self) -> Stats:
        with self._changed:
            replica, view = self._replica, self.view
            return Stats(
                members=len(view.names),
                settled=self._settled is view,
                records=len(replica),
                sessions=replica.sessions,
                bytes_held=replica.bytes_held,
                bytes_sent=self.links.bytes_sent,
                writes=self._writes,
                catch_up=self._catch_up,
            )

    # Questions -------------------------------------------------------------------------------------------------------

    def ask(self, asked: Operation) -> Answer:
        """The owner's answer. Raises ``StoreUnavailable`` when none comes, asked anew under fresh membership."""
        deadline = time.monotonic() + 2 * self.options.timeout
        while True:
            view = self.view
            try:
                if not view.names:
                    raise Moved
                owner = view.table[partition(asked.key)][0]
                if owner == self.options.name:
                    return self._decide(asked, view)
                return wire.answered(self._query("ask", [owner], view, wire.asking(asked, view.digest))[0])
            except (Moved, WireError):
                self._again(view, deadline, f"the session's owner did not answer within {self.options.timeout} s")
            asked = replace(asked, again=True)

    def of_principal(self, principal: str, now: float) -> list[str]:
        """The keys of a principal's sessions, from all members."""
        fields = {"principal": principal, "now": now}
        found: set[str] = set()
        for fields_ in self._everybody("principal", fields):
            found.update(key for key in fields_.get("keys", ()) if isinstance(key, str))
        return sorted(found)

    def count(self, now: float) -> int:
        """How many sessions there are; an estimate while members come and go."""
        return sum(int(fields["count"]) for fields in self._everybody("count", {"now": now}))

    def purge(self, now: float, limit: int) -> list[str]:
        """Forget what is past its end here; the keys that this member owns, so that each is told once."""
        with self._changed:
            mine = self._owned()
            return [key for key in self._replica.purge(now, limit) if partition(key) in mine]

    def _everybody(self, kind: str, fields: dict[str, Any]) -> list[dict[str, Any]]:
        deadline = time.monotonic() + 2 * self.options.timeout
        while True:
            view = self.view
            message = Message(kind, view.digest, fields)
            others = [name for name in view.names if name != self.options.name]
            try:
                answers = [*self._query("data", others, view, message), self._data(message)]
                if all(answer.kind == "ok" for answer in answers):
                    return [answer.fields for answer in answers]
            except Moved:
                pass
            self._again(view, deadline, "not every member answered")

    # The owner -------------------------------------------------------------------------------------------------------

    def _decide(self, asked: Operation, view: View) -> Answer:
        number = partition(asked.key)
        with self._stripes[number % len(self._stripes)]:
            if self._settled is not view:
                self._fetch(asked.key, view)
            with self._changed:
                if self.view is not view:
                    raise Moved
                answer, held = self._replica.decide(asked, self.options.name)
                if held is not None:
                    self._replica.absorb(asked.key, held)
                    self._writes += 1
                elif asked.again:
                    # The first attempt may have changed the record here and failed to copy it.
                    held = self._replica.held(asked.key)
            backups = [name for name in view.table[number] if name != self.options.name]
            if held is not None and backups:
                self._query("data", backups, view, Message("copy", view.digest, {}, ((asked.key, held),)))
            return answer

    def _fetch(self, key: str, view: View) -> None:
        others = [name for name in view.names if name != self.options.name]
        found = self._query("data", others, view, Message("fetch", view.digest, {"key": key}))
        with self._changed:
            for message in found:
                for _, held in message.records:
                    self._replica.absorb(key, held)

    # Messages --------------------------------------------------------------------------------------------------------

    def _query(self, kind: str, names: list[str], view: View, message: Message) -> list[Message]:
        """Every answer, or ``Moved`` when one is missing or comes from under another view."""
        incarnations = dict(view.members)
        members = [(name, incarnations[name]) for name in names]
        answers = []
        for data in self.links.ask(kind, members, wire.pack(message), self.options.timeout):
            answer = wire.unpack(data) if data is not None else Message("none")
            if answer.kind not in ("ok", "answer"):
                raise Moved
            answers.append(answer)
        return answers

    def _serve_later(self, data: bytes, reply: Callable[[bytes], None]) -> None:
        reply(self._serve(data, self._owner))

    @staticmethod
    def _serve(data: bytes, answer: Callable[[Message], Message]) -> bytes:
        """Whatever arrives, an answer goes back and the member lives on."""
        try:
            return wire.pack(answer(wire.unpack(data)))
        except Moved:
            return wire.pack(Message("moved"))
        except Exception as error:
            log.warning("a message was refused: %s", error)
            return wire.pack(Message("refused", "", {"why": str(error)}))

    def _owner(self, message: Message) -> Message:
        view = self.view
        if message.view != view.digest:
            raise Moved
        asked = wire.asked(message)
        if view.table[partition(asked.key)][0] != self.options.name:
            raise WireError("this member does not own that key")
        return wire.answering(self._decide(asked, view))

    def _data(self, message: Message) -> Message:
        """Never asks anybody, so that members cannot wait for each other in a ring."""
        fields: dict[str, Any] = {}
        records: list[tuple[str, Held]] = []
        with self._changed:
            if message.view != self.view.digest:
                raise Moved
            match message.kind:
                case "copy":
                    for key, held in message.records:
                        self._replica.absorb(key, held)
                case "fetch":
                    held_here = self._replica.held(str(message.fields["key"]))
                    records = [] if held_here is None else [("", held_here)]
                case "digests":
                    fields = {"digests": self._replica.digests()}
                case "pull":
                    number, marks = int(message.fields["number"]), dict(message.fields["marks"])
                    records = self._replica.unlike(number % PARTITIONS, marks, time.time())
                case "status":
                    fields = {"settled": self._is_settled() or self._closing}
                case "principal":
                    asked, now = str(message.fields["principal"]), float(message.fields["now"])
                    fields = {"keys": self._replica.of_principal(asked, now)}
                case "count":
                    fields = {"count": self._replica.count(self._owned(), float(message.fields["now"]))}
                case other:
                    raise WireError(f"unknown message {other!r}")
        return Message("ok", "", fields, tuple(records))

    # Membership and copies -------------------------------------------------------------------------------------------

    def _seen(self, name: str, incarnation: str, there: bool) -> None:
        with self._changed:
            change = self.view.with_member if there else self.view.without_member
            after = change(name, incarnation)
            if self._closing and there and name == self.options.name:
                return
            if after.members != self.view.members:
                self.view = after
                self._changed.notify_all()
        self._wake.set()

    def _tend(self) -> None:
        """Compare copies after every change of membership, and now and then; forget what others keep."""
        due = False
        while not self._closing:
            self._wake.clear()
            view, began = self.view, time.monotonic()
            if (self.options.name, self._incarnation) in view.members:
                try:
                    if due or self._settled is not view:
                        self._compare(view, began)
                    self._forget(view)
                except (Moved, WireError):
                    if not self._closing:
                        self._wake.wait(RETRY_S)
                        continue
                except Exception:
                    log.exception("copies could not be compared; it is tried again")
            due = not self._wake.wait(COMPARE_S)

    def _compare(self, view: View, began: float) -> None:
        for other in view.names:
            if other != self.options.name:
                self._compare_with(other, view)
        with self._changed:
            if self.view is not view:
                raise Moved
            if self._settled is not view:
                self._catch_up = time.monotonic() - began
            self._settled = view
            self._changed.notify_all()

    def _compare_with(self, other: str, view: View) -> None:
        theirs = self._query("data", [other], view, Message("digests", view.digest))[0].fields["digests"]
        for number, digest in enumerate(theirs):
            if digest == 0 or self.options.name not in view.table[number]:
                continue
            with self._changed:
                if self.view is not view:
                    raise Moved
                if self._replica.digests()[number] == digest:
                    continue
                marks = self._replica.marks(number)
            asked = Message("pull", view.digest, {"number": number, "marks": marks})
            records = self._query("data", [other], view, asked)[0].records
            with self._changed:
                for key, held in records:
                    self._replica.absorb(key, held)

    def _forget(self, view: View) -> None:
        """Partitions that others keep go when every member has caught up, so that the last copy never does."""
        self._await_everybody(view)
        with self._changed:
            if self.view is not view:
                raise Moved
            for number in range(PARTITIONS):
                if self.options.name not in view.table[number]:
                    self._replica.drop_partition(number)

    def _await_everybody(self, view: View) -> None:
        others = [name for name in view.names if name != self.options.name]
        answers = self._query("data", others, view, Message("status", view.digest))
        if not all(answer.fields.get("settled") for answer in answers):
            raise Moved

    def _until_all_settled(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            try:
                self._await_everybody(self.view)
            except (Moved, WireError):
                time.sleep(RETRY_S)
            else:
                return
        log.warning("member %s leaves although not all copies are complete", self.options.name)

    def _owned(self) -> list[int]:
        return [n for n, names in enumerate(self.view.table) if names and names[0] == self.options.name]

    def _is_settled(self) -> bool:
        return self._settled is self.view and bool(self.view.members)

    def _wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        with self._changed:
            return self._changed.wait_for(condition, timeout)

    def _again(self, view: View, deadline: float, why: str) -> None:
        if time.monotonic() >= deadline:
            raise StoreUnavailable(f"{why}; members seen: {', '.join(self.view.names) or 'none'}")
        self._wait(lambda: self.view is not view, RETRY_S)


def _ignore(_: object) -> None:
    """A worker replies by itself."""
