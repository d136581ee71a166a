"""``reduce(state, event, now) -> (state, effects)``: all that ever changes the cluster's state. Pure: no clock, no I/O.

Here is only the table of who handles what; the handlers stand in ``configure`` (the file), ``operate`` (operators) and
``observe`` (probes, traffic, names, time), and what follows from every change in ``draft``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from steelyard.control.configure import take_over
from steelyard.control.draft import Draft
from steelyard.control.effects import Effect
from steelyard.control.events import (
    ActiveCounted,
    AdditionRequested,
    AdminStateRequested,
    AlgorithmRequested,
    ConfigChanged,
    Event,
    FailuresSeen,
    ListenersOpened,
    NamesResolved,
    ProbesFinished,
    RemovalRequested,
    StopRequested,
    TimePassed,
    WeightRequested,
)
from steelyard.control.observe import count_active, finish_probes, pass_time, resolve_names, see_failures
from steelyard.control.operate import (
    request_addition,
    request_admin_state,
    request_algorithm,
    request_removal,
    request_weight,
)
from steelyard.control.state import ClusterState


def reduce(state: ClusterState, event: Event, now: float) -> tuple[ClusterState, tuple[Effect, ...]]:
    """The state after the event, and what is to be done. ``UnknownName`` and ``Refused``: nothing has changed."""
    draft = Draft(state, now)
    HANDLERS[type(event)](draft, event)
    return draft.finish()


def _open(draft: Draft, event: ListenersOpened) -> None:
    draft.change(replace(draft.state, opened=True))


def _stop(draft: Draft, event: StopRequested) -> None:
    draft.change(replace(draft.state, stopping=True))
    draft.announce("stopping")


HANDLERS: Final[Mapping[type[Event], Callable[[Draft, Any], None]]] = {
    ConfigChanged: take_over,
    ListenersOpened: _open,
    ProbesFinished: finish_probes,
    FailuresSeen: see_failures,
    NamesResolved: resolve_names,
    ActiveCounted: count_active,
    TimePassed: pass_time,
    AdminStateRequested: request_admin_state,
    WeightRequested: request_weight,
    AlgorithmRequested: request_algorithm,
    AdditionRequested: request_addition,
    RemovalRequested: request_removal,
    StopRequested: _stop,
}
