"""Django's face of ``lease``: one request of a session at a time through a part of a view, or the whole of it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.http import HttpRequest

from steelyard.sessions.errors import StoreMisconfigured
from steelyard.sessions.lease import Held
from steelyard.sessions.plan import Connector, carry_out, carry_out_async

if TYPE_CHECKING:
    from steelyard.sessions.django import SessionStore
    from steelyard.sessions.wsgi import Blocking

View = Callable[..., Any]


class Lock:
    """``with`` in a view, ``async with`` in an asynchronous one."""

    def __init__(self, sessions: Blocking, session: SessionStore, name: str, lease: float, wait: float) -> None:
        self._sessions, self._session = sessions, session
        self._name, self._lease, self._wait = name, lease, wait

    def __enter__(self) -> None:
        self._session.settle()
        carry_out(self._hold().take(self._lease, self._wait), self._sessions.connector)
        self._session.forget()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._session.settle()
        finally:
            carry_out(self._held.give_back(), self._sessions.connector)

    async def __aenter__(self) -> None:
        await _in_thread(self._session.settle)
        await carry_out_async(self._hold().take(self._lease, self._wait), _Threaded(self._sessions.connector))
        await _in_thread(self._session.forget)

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                await _in_thread(self._session.settle)
        finally:
            await carry_out_async(self._held.give_back(), _Threaded(self._sessions.connector))

    def _hold(self) -> Held:
        manager = self._sessions.manager
        self._held = Held(manager, manager.session(self._session.session_key), self._name)
        return self._held


class _Threaded:
    """A thread for each command, none for the pauses between: many who wait must not take all the threads there are,
    or the holder finds none to give the lock back."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    async def execute(self, command: Any) -> Any:
        return await _in_thread(self._connector.execute, command)

    async def close(self) -> None:
        """The connector is everybody's."""


async def _in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    return await sync_to_async(function, thread_sensitive=False)(*arguments)


def lock(request: HttpRequest, name: str, *, lease: float = 10.0, wait: float = 10.0) -> Lock:
    """``with lock(request, "pay"):`` one request of this session at a time.

    The lock is a lease of ``lease`` seconds. ``LeaseTaken`` is raised after ``wait`` seconds: a 409, with our
    middleware. Inside, the session is as the last holder left it; what is changed is saved before the next comes in.
    """
    from steelyard.sessions.django import SessionStore, sessions

    session = getattr(request, "session", None)
    if not isinstance(session, SessionStore):
        raise StoreMisconfigured(
            'a lock needs our sessions: set SESSION_ENGINE = "steelyard.sessions.django" and name '
            '"steelyard.sessions.django.SessionMiddleware" in MIDDLEWARE'
        )
    return Lock(sessions(), session, name, lease, wait)


def locked(name: str, *, lease: float = 10.0, wait: float = 10.0) -> Callable[[View], View]:
    """``@locked("pay")`` over a view, plain or ``async``: the whole view is inside the lock."""

    def decorate(view: View) -> View:
        if iscoroutinefunction(view):

            @functools.wraps(view)
            async def inside_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                async with lock(request, name, lease=lease, wait=wait):
                    return await view(request, *args, **kwargs)

            return inside_async

        @functools.wraps(view)
        def inside(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            with lock(request, name, lease=lease, wait=wait):
                return view(request, *args, **kwargs)

        return inside

    return decorate
