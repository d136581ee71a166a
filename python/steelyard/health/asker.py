"""Asks servers: one socket a probe, all of them in one epoll, which the event loop watches as one descriptor.

Thousands of servers make this the costliest thing that Python does. So there is no task, no stream, no future and no
timer for each probe: an asking is one small object, woken by the kernel when its connection is made and when bytes are
there, and its deadline stands in a queue with all others of the same timeout.

Answers that are there are read before a deadline is judged: our being busy never looks like a server's being slow.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from steelyard.config.types import split_host_port
from steelyard.control.state import Target
from steelyard.health.probes import Conversation, Opening, opening
from steelyard.health.probes.bad import BadAnswer
from steelyard.health.probes.tcp import CONNECTED

OURS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
"""Errors of this machine: no descriptor, memory or port was left to ask with."""
TURN: Final = 64
"""So many sockets are served in one turn of the event loop."""
LATE: Final = 0.01
"""Deadlines that fall into so many seconds are judged together."""
READ_SIZE: Final = 65536
_EVENTS: Final = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET


@dataclass(frozen=True, slots=True)
class Outcome:
    good: bool
    note: str
    """Such as "200 in 3 ms" or "connection refused"."""


Done = Callable[[Outcome | None], None]
"""None: it could not even be asked, which says nothing of the server."""


@dataclass(frozen=True, slots=True)
class Question:
    """One server and how to ask it; prepared once, asked for ever."""

    family: int
    where: str | tuple[str, int]
    host: str
    """The configured address."""
    timeout: float
    opening: Opening

    @classmethod
    def of(cls, target: Target) -> Question:
        """The address is a literal: nothing waits for a resolver."""
        probe = target.probe
        if target.address.startswith("unix:"):
            path = target.address.removeprefix("unix:")
            return cls(socket.AF_UNIX, path, target.host, probe.timeout, opening(probe))
        host, port = split_host_port(target.address)
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
        return cls(family, (host, probe.port or port), target.host, probe.timeout, opening(probe))


class _Asking:
    __slots__ = ("done", "question", "socket", "started", "talk", "unsent")

    def __init__(self, opened: socket.socket, question: Question, done: Done, started: float) -> None:
        self.socket: socket.socket | None = opened
        self.question = question
        self.done = done
        self.started = started
        self.unsent = question.opening.hello(question.host)
        self.talk: Conversation | None = None


class Asker:
    """Made where an event loop runs; ``close`` ends what is under way without an outcome."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._loop.add_reader(self._epoll.fileno(), self.read)
        self._asked: dict[int, _Asking] = {}
        self._deadlines: dict[float, deque[_Asking]] = {}
        """By timeout: those that were asked first end first."""
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        """When the timer fires."""

    def ask(self, question: Question, done: Done) -> None:
        """``done`` is called once, perhaps before this returns; no error of any kind leaves this function."""
        started = time.monotonic()
        opened = None
        try:
            kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
            opened = socket.socket(question.family, kind)
            opened.connect(question.where)
        except BlockingIOError as error:
            # A TCP connection is on its way. A unix socket connects at once or, when its backlog is full, not at all.
            if error.errno != errno.EINPROGRESS:
                return self._fail(opened, error, done)
        except OSError as error:
            return self._fail(opened, error, done)
        assert opened is not None
        asking = _Asking(opened, question, done, started)
        self._asked[opened.fileno()] = asking
        try:
            self._epoll.register(opened.fileno(), _EVENTS)
        except OSError as error:
            del self._asked[opened.fileno()]
            return self._fail(opened, error, done)
        self._deadlines.setdefault(question.timeout, deque()).append(asking)
        if self._timer is None or started + question.timeout < self._due - LATE:
            self._wake_in(question.timeout, started)
        return None

    def read(self) -> bool:
        """Take what is there, of some; whether there may be more."""
        events = self._epoll.poll(0, TURN)
        for descriptor, event in events:
            asking = self._asked.get(descriptor)
            if asking is not None:
                self._advance(descriptor, asking, event)
        return len(events) == TURN

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        for asking in self._asked.values():
            assert asking.socket is not None
            asking.socket.close()
            asking.socket = None
        self._asked.clear()

    def _advance(self, descriptor: int, asking: _Asking, event: int) -> None:
        try:
            found = self._found(asking, event)
        except BlockingIOError:
            return
        except BadAnswer as error:
            self._end(descriptor, asking, Outcome(False, str(error)))
        except OSError as error:
            self._end(descriptor, asking, _outcome(error))
        except Exception as error:
            self._end(descriptor, asking, Outcome(False, f"the probe itself failed: {type(error).__name__}: {error}"))
        else:
            took = time.monotonic() - asking.started
            self._end(descriptor, asking, Outcome(True, f"{found} in {_duration(took)}"))

    @staticmethod
    def _found(asking: _Asking, event: int) -> str:
        """``BlockingIOError``: there is no more to do before the kernel wakes us again. The wake-ups are edges, so all
        that is there is taken."""
        opened = asking.socket
        assert opened is not None
        if asking.talk is None:
            if not asking.unsent:
                if code := opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise OSError(code, os.strerror(code))
                return CONNECTED
            while asking.unsent:
                asking.unsent = asking.unsent[opened.send(asking.unsent) :]
            asking.talk = asking.question.opening.converse()
            if event == select.EPOLLOUT:
                raise BlockingIOError
        while True:
            found = asking.talk.hear(opened.recv(READ_SIZE))
            if found is not None:
                return found

    def _expire(self) -> None:
        """Judge the deadlines that have come, and wait for the next."""
        self._timer = None
        while self.read():
            pass
        now, following = time.monotonic(), []
        for timeout, waiting in self._deadlines.items():
            while waiting and (waiting[0].socket is None or waiting[0].started + timeout <= now):
                asking = waiting.popleft()
                if asking.socket is not None:
                    late = Outcome(False, f"no answer within {_duration(timeout)}")
                    self._end(asking.socket.fileno(), asking, late)
            if waiting:
                following.append(waiting[0].started + timeout)
        if following:
            self._wake_in(max(LATE, min(following) - now), now)

    def _wake_in(self, seconds: float, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = now + seconds
        self._timer = self._loop.call_later(seconds, self._expire)

    def _end(self, descriptor: int, asking: _Asking, outcome: Outcome | None) -> None:
        del self._asked[descriptor]
        assert asking.socket is not None
        asking.socket.close()  # which takes it out of the epoll
        asking.socket, asking.talk = None, None  # it still stands in the queue of deadlines
        asking.done(outcome)

    @staticmethod
    def _fail(opened: socket.socket | None, error: OSError, done: Done) -> None:
        if opened is not None:
            opened.close()
        done(_outcome(error))


def _outcome(error: OSError) -> Outcome | None:
    return None if error.errno in OURS else Outcome(False, _describe(error))


def _describe(error: OSError) -> str:
    """The system's own words, without the address that everybody knows."""
    if error.errno is None:
        return str(error) or type(error).__name__
    if error.errno == errno.EAGAIN:
        return "too many connections wait at its unix socket"
    return "no such unix socket" if error.errno == errno.ENOENT else os.strerror(error.errno).lower()


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2g} s"
