"""The native module. Data crosses whole: a snapshot in, statistics out; no call per request.

JSON bytes in both directions; the shapes are written in docs/reference/native.md and in the Rust types
``steelyard_dataplane::snapshot`` and ``steelyard_dataplane::report``.
"""

from typing import Self, final

__all__ = ["DataPlane", "NativeError", "Scheduler", "algorithm_needs"]

class NativeError(Exception):
    """The native side refused something; the message names the place, the cause and the cure."""

@final
class DataPlane:
    """Threads that move traffic. Methods that wait release the GIL; none is called on the path of a request."""

    def __new__(cls, options: bytes) -> Self:
        """Start the threads. ``options``: {"threads": int, "log": {"target": str, "format": str} | null}.

        0 threads: one per core.

        They are born with all signals blocked: signals stay Python's.
        """

    def apply(self, snapshot: bytes) -> None:
        """Bind new listeners, close those gone, swap the snapshot. On NativeError the old one stays whole in force."""

    def addresses(self) -> dict[str, str]:
        """Service name to the address bound, with the real port."""

    def report(self) -> bytes:
        """All counters since the start (``Report``)."""

    def server_report(self, pool: str, server: str) -> bytes:
        """The counters of one server, as in ``report``; null when it is unknown."""

    def rejections(self) -> bytes:
        """What was refused since the start: {service: {reason: count}}; cheap, however large the pools are."""

    def failures(self) -> bytes:
        """The servers with failures or 5xx since the last call: [{"pool", "server", "requests", "connect", "reset",
        "timeout", "protocol", "status_5xx"}]."""

    def failures_fd(self) -> int:
        """A descriptor (eventfd) that is readable when ``failures`` has news; reading it is the caller's task."""

    def explain(self, pool: str, client: str, cookie: str) -> bytes:
        """{"server": id | null, "reason": str}: whom this client would get now; changes nothing."""

    def active(self, pool: str, server: str) -> int:
        """Requests or connections that the server has now, counted exactly; 0 when it is unknown."""

    def stop_accepting(self) -> None:
        """Close the listeners; connections go on, keep-alive ends with the running request."""

    def connections(self) -> int:
        """Client connections that are open."""

    def close(self, timeout_ms: int) -> int:
        """Wait until the connections have ended, then end the rest and the threads. Returns how many were cut."""

    def reopen_log(self) -> None:
        """Open the access log's path again (log rotation)."""

@final
class Scheduler:
    """One pool's algorithm without any traffic, for tests, teaching and simulation."""

    def __new__(cls, pool: bytes) -> Self:
        """``pool``: one element of the snapshot's "pools"."""

    def choose(self, client: str, now_ms: int, random: int, exclude: list[str], mark: str = "") -> str | None:
        """The id of the server chosen, which then has one more active request; None when none can be chosen now.

        ``client``: an address, or "" for none. ``random``: 64 fresh random bits. ``exclude``: servers tried already.
        ``mark``: the mark of cookie affinity that the client carries, or "".
        """

    def peek(self, client: str, now_ms: int, random: int, exclude: list[str], mark: str = "") -> tuple[str | None, str]:
        """What ``choose`` would return with the same arguments, and why; nothing changes."""

    def release(self, server: str, now_ms: int, latency_us: int | None) -> None:
        """End one request of the server; a latency is taken into the mean of ``peak-ewma``."""

    def update(self, pool: bytes) -> None:
        """Replace the pool; servers that stay keep their live state."""

    def active(self, server: str) -> int:
        """Requests of the server that have not ended; 0 when it is unknown."""

def algorithm_needs() -> dict[str, list[str]]:
    """What each algorithm needs to know, by its name: "weight", "live-load", "latency", "address"."""
