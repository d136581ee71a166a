"""The bodies of the admin API that are neither configuration (``config.model``) nor status (``status``)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from steelyard.config.model import Algorithm, Weight
from steelyard.status import AdminState, ServerStatus


class Body(BaseModel):
    """Unknown keys are refused, as they are in the configuration file."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class AdminStateBody(Body):
    admin: AdminState
    """What the operator wants of the server."""


class WeightBody(Body):
    weight: Weight
    """The new weight; health, connections and affinity stay as they are."""


class AlgorithmBody(Body):
    algorithm: Algorithm
    """How one server is chosen from now on."""


class Reloaded(Body):
    """What a reload changed."""

    changes: tuple[str, ...]
    """One sentence each; empty when the file says what was in force already."""


class Removed(Body):
    """A server that is on its way out: it gets no new client, and is gone when its last request has ended."""

    pool: str
    server: str


class WeightedServer(ServerStatus):
    """The server with its new weight."""

    warning: str = ""
    """Why the weight has no effect now; empty when it has one."""


class Index(Body):
    """Where to find what."""

    name: str
    version: str
    openapi: str
    status: str
    metrics: str
    events: str


class Fault(Body):
    """One thing wrong in a request or in the configuration file."""

    place: str
    """The path of the key."""
    cause: str
    """What was expected and what was found."""
    cure: str = ""
    file: str = ""
    """The configuration file, where the fault is in one."""
    line: int = 0
    """Counts from 1; 0: no line could be named."""
    column: int = 0
    length: int = 0
    source: str = ""
    """The line itself, with secrets masked."""


class Problem(Body):
    """An error by RFC 9457, with three members of our own: place, cause and cure."""

    type: str = "about:blank"
    title: str
    """The kind of error; the same for every error of this kind."""
    status: int
    detail: str
    """One sentence for people."""
    place: str
    """What was asked: the method and the path."""
    cause: str
    cure: str
    """What to do about it."""
    faults: tuple[Fault, ...] = ()
    """Every single fault, where there are several."""
