"""Shorthand for the reducers' tests: a cluster from a few words, and events applied one after another."""

from __future__ import annotations

from typing import Any

from steelyard.config.model import Config
from steelyard.control.effects import Announce, Effect
from steelyard.control.eligible import judge
from steelyard.control.events import ConfigChanged, Event, ListenersOpened, ProbeOutcome, ProbesFinished
from steelyard.control.reduce import reduce
from steelyard.control.state import ClusterState, ServerState

PROBE: dict[str, Any] = {"type": "tcp", "rise": 2, "fall": 3}


def config(*servers: str | dict[str, Any], probe: dict[str, Any] | None = None, **pool: Any) -> Config:
    """One service "www" before one pool "web"; a server is an id or a table that may leave its address out."""
    tables = [{"id": each} if isinstance(each, str) else each for each in servers]
    members = [{"address": f"10.0.0.{number}:80", **table} for number, table in enumerate(tables, 1)]
    return Config.model_validate(
        {
            "services": {"www": {"mode": "proxy", "listen": "127.0.0.1:0", "pool": "web"}},
            "pools": {"web": {"servers": members, "probe": probe, **pool}},
        }
    )


class Cluster:
    """A state that walks: ``cluster(event, at=3.0)`` applies one, and keeps what was announced and asked for."""

    def __init__(self, configuration: Config, *, opened: bool = True) -> None:
        self.state = ClusterState()
        self.effects: tuple[Effect, ...] = ()
        self.now = 0.0
        self(ConfigChanged(configuration))
        if opened:
            self(ListenersOpened())

    def __call__(self, event: Event, at: float | None = None) -> list[str]:
        """Apply the event; returns what was announced, as ``kind server``."""
        self.now = self.now if at is None else at
        self.state, self.effects = reduce(self.state, event, self.now)
        return [f"{each.kind} {each.server}".strip() for each in self.effects if isinstance(each, Announce)]

    def probe(self, server: str, *outcomes: bool, at: float | None = None) -> list[str]:
        said = []
        for good in outcomes:
            note = "connected in 1 ms" if good else "connection refused"
            said += self(ProbesFinished((ProbeOutcome("web", server, good, note),)), at)
        return said

    def server(self, name: str) -> ServerState:
        return self.state.pools["web"].servers[name]

    @property
    def eligible(self) -> str:
        """The ids of the eligible servers, in order."""
        return " ".join(name for name, verdict in judge(self.state.pools["web"]).items() if verdict.eligible)

    @property
    def keeping(self) -> str:
        return " ".join(name for name, verdict in judge(self.state.pools["web"]).items() if verdict.keeps)
