"""The probe that opens a connection and closes it again."""

from __future__ import annotations

from steelyard.config.model import Probe

CONNECTED = "connected"


class Opening:
    """Nothing is said, so nobody converses."""

    def __init__(self, probe: Probe) -> None:
        del probe

    def hello(self, host: str) -> bytes:
        del host
        return b""

    def converse(self) -> Silence:
        return Silence()


class Silence:
    def hear(self, data: bytes) -> str | None:
        del data
        return CONNECTED
