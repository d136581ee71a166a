"""What traffic says of a server: too many failures take it out for a time that doubles, and halves when it is good.

Pure. Two faults are told apart, because they call for different care (``control.observe`` keeps the last word):

* ``failures`` connect failures, resets and timeouts in a row: the server is not there;
* a share of bad answers (5xx and failures) in a window: it is there and is wrong.

Native code counts, and hands over what it counted since the last time (``Sample``). The order inside one sample is not
known, so a sample with any success breaks the row; a server that fails now and then is caught by the share.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from steelyard.config.model import Passive


@dataclass(frozen=True, slots=True)
class Sample:
    """What one server did since the last sample."""

    pool: str
    server: str
    requests: int
    """Tries that were sent to it, those that failed included."""
    connect: int = 0
    reset: int = 0
    timeout: int = 0
    protocol: int = 0
    status_5xx: int = 0

    @property
    def failures(self) -> int:
        return self.connect + self.reset + self.timeout + self.protocol


@dataclass(frozen=True, slots=True)
class Ejection:
    """What traffic has said of one server so far."""

    row: int = 0
    """Failures in a row."""
    window_start: float = 0.0
    requests: int = 0
    errors: int = 0
    """Bad answers and failures since ``window_start``."""
    until: float | None = None
    """Out until then; None while it is not out."""
    why: str = ""
    returned: float = 0.0
    """When it last came back."""
    times: int = 0
    """How often the time out has been doubled."""

    @property
    def out(self) -> bool:
        return self.until is not None


@dataclass(frozen=True, slots=True)
class Charge:
    """A reason to take a server out."""

    absent: bool
    """True: it does not answer at all; False: it answers badly."""
    why: str


def judge(state: Ejection, sample: Sample, policy: Passive, now: float) -> tuple[Ejection, Charge | None]:
    """Take one sample into account; says why the server should go out, if it should."""
    attempts = max(sample.requests, sample.failures + sample.status_5xx)
    row = state.row + sample.failures if attempts == sample.failures else 0
    fresh = now - state.window_start > policy.window
    state = replace(
        state,
        row=row,
        window_start=now if fresh else state.window_start,
        requests=attempts + (0 if fresh else state.requests),
        errors=sample.failures + sample.status_5xx + (0 if fresh else state.errors),
    )
    if state.out:
        return state, None
    needed = 1 if _on_trial(state, policy, now) else policy.failures
    if row >= needed:
        return state, Charge(True, f"{_count(row, 'failure')} in a row ({_worst(sample)})")
    if state.requests >= policy.min_requests and state.errors >= policy.error_share * state.requests:
        absent = sample.failures > sample.status_5xx
        return state, Charge(absent, f"{state.errors} of {state.requests} requests failed")
    return state, None


def eject(state: Ejection, why: str, policy: Passive, now: float) -> Ejection:
    """Take it out. Each time doubles the time out; staying good for as long as it was last out halves it again."""
    times, good_for = state.times, now - state.returned
    while times and good_for >= out_time(times - 1, policy):
        good_for -= out_time(times - 1, policy)
        times -= 1
    return Ejection(until=now + out_time(times, policy), why=why, times=times + 1)


def end(state: Ejection, now: float) -> Ejection:
    """The time out is over: it comes back on trial."""
    return Ejection(returned=now, times=state.times, window_start=now)


def out_time(times: int, policy: Passive) -> float:
    """How long a server stays out that was out ``times`` times before."""
    return float(min(policy.out_time * 2.0 ** min(times, 64), max(policy.max_out_time, policy.out_time)))


def _on_trial(state: Ejection, policy: Passive, now: float) -> bool:
    """Just back from a time out: one failure without a success sends it out again."""
    return state.times > 0 and now - state.returned <= policy.window


def _worst(sample: Sample) -> str:
    kinds = {"connect": sample.connect, "reset": sample.reset, "timeout": sample.timeout, "protocol": sample.protocol}
    return max(kinds, key=lambda kind: kinds[kind])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
