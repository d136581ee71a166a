"""Plans: what is to be asked of a store, apart from how the asking is done.

A plan is a generator that yields commands and is sent their replies. The same plan is carried out by a blocking
connector (WSGI, Flask, Django) and by an asynchronous one (ASGI), so no logic exists twice. The shape is h11's and
sans-I/O's: the decision is pure, the waiting is the shell's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Plan = Generator[Any, Any, T]
"""Yields commands, in whatever form the store and its connectors agreed on, and returns the outcome."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A command that every plan may give: wait, because others are at the same record."""

    seconds: float


class Connector(Protocol):
    """Carries out one command and blocks until the reply is there. Raises ``StoreUnavailable`` when it is not."""

    def execute(self, command: Any) -> Any: ...

    def close(self) -> None: ...


class AsyncConnector(Protocol):
    """The same without blocking the event loop."""

    async def execute(self, command: Any) -> Any: ...

    async def close(self) -> None: ...


def carry_out(plan: Plan[T], connector: Connector) -> T:
    """Run a plan to its end. An error of the connector is thrown into the plan, which may handle it."""
    try:
        command = next(plan)
        while True:
            try:
                if isinstance(command, Pause):
                    time.sleep(command.seconds)
                    reply = None
                else:
                    reply = connector.execute(command)
            except Exception as error:
                command = plan.throw(error)
            else:
                command = plan.send(reply)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def carry_out_async(plan: Plan[T], connector: AsyncConnector) -> T:
    """Run a plan to its end on an event loop. Cancelling it closes the plan."""
    try:
        command = next(plan)
        while True:
            try:
                if isinstance(command, Pause):
                    await asyncio.sleep(command.seconds)
                    reply = None
                else:
                    reply = await connector.execute(command)
            except Exception as error:
                command = plan.throw(error)
            else:
                command = plan.send(reply)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    finally:
        plan.close()
