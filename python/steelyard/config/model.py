"""The schema of the configuration: every word, its type, its default and what it means.

Reference page, JSON schema and admin API are generated from these models. Nothing here reads a file
(``load``), judges combinations (``check``) or compares two configurations (``diff``).
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, model_validator

from steelyard.config.types import (
    Address,
    CookieName,
    Duration,
    FieldName,
    HostField,
    Id,
    ListenAddress,
    LogTarget,
    Name,
    Network,
    PoolName,
    Secret,
    Size,
    StatusExpression,
    Target,
)

Algorithm = Literal[
    "round-robin",
    "weighted-round-robin",
    "least-connections",
    "weighted-least-connections",
    "random",
    "weighted-random",
    "source-hash",
    "maglev",
    "power-of-two",
    "peak-ewma",
]
Mode = Literal["proxy", "tcp"]

PLANNED_MODES = ("redirect", "dns", "nat", "direct")
"""Words that are taken for modes that are not built yet."""


class Model(BaseModel):
    """What all parts of the configuration share: unknown keys are refused, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Server(Model):
    """One member of a pool."""

    address: Address
    """Where it is: ``host:port``, ``[v6]:port`` or ``unix:/path``. A name is resolved again as its TTL runs out."""
    id: Id = ""
    """The server's name inside its pool; the address when left out."""
    weight: StrictInt = Field(default=1, ge=1, le=1000)
    """Its share, relative to the others, for the algorithms that read weights."""
    backup: StrictBool = False
    """Used only while no primary server of the pool is up."""
    max_connections: StrictInt = Field(default=0, ge=0, le=1_000_000)
    """How many requests (mode ``tcp``: connections) it may have at once; 0 means no limit."""

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not self.id:
            self.__dict__["id"] = self.address  # frozen: nobody has seen this object yet
        return self


class Probe(Model):
    """An active check, repeated for every server of the pool."""

    type: Literal["tcp", "http"] = "tcp"
    """``tcp`` opens a connection; ``http`` sends a request and judges the answer."""
    method: Literal["GET", "HEAD", "OPTIONS"] = "GET"
    """The request's method (``http``)."""
    path: Target = "/"
    """The request's target (``http``)."""
    host: HostField = ""
    """The Host field that is sent (``http``); the server's address when left out."""
    status: StatusExpression = "200-399"
    """The status codes that count as good (``http``): codes and ranges such as ``200,204,300-399``."""
    body: str = ""
    """A text that the answer's first 64 KiB must contain (``http``)."""
    port: StrictInt = Field(default=0, ge=0, le=65535)
    """Probe this port instead of the server's own."""
    interval: Duration = Field(default=2.0, gt=0)
    """The time between two probes of one server; jittered by a tenth."""
    timeout: Duration = Field(default=1.0, gt=0)
    """How long one probe may take."""
    rise: StrictInt = Field(default=2, ge=1, le=100)
    """How many good probes in a row bring a server that is down up."""
    fall: StrictInt = Field(default=3, ge=1, le=100)
    """How many bad probes in a row take a server that is up down."""


class Passive(Model):
    """What real traffic says of a server; too many failures take it out for a growing time."""

    enabled: StrictBool = True
    """Whether the traffic is judged at all."""
    failures: StrictInt = Field(default=5, ge=1, le=10_000)
    """How many connect failures, resets and timeouts in a row of samples take a server out."""
    error_share: StrictFloat = Field(default=0.5, gt=0, le=1)
    """The share of 5xx answers within one window that takes a server out."""
    window: Duration = Field(default=10.0, gt=0)
    """The length of the window over which shares are counted."""
    min_requests: StrictInt = Field(default=20, ge=1, le=1_000_000)
    """Below this number of answers in the window the share is not judged."""
    out_time: Duration = Field(default=5.0, gt=0)
    """How long the server stays out the first time; doubled each time it happens again."""
    max_out_time: Duration = Field(default=300.0, gt=0)
    """The longest time out."""


class Affinity(Model):
    """Keeps a client on its server."""

    by: Literal["source", "cookie"]
    """``source``: by client address; ``cookie``: by a mark that the client carries."""
    name: CookieName = "SRV"
    """The cookie's name: ours for ``insert``, the application's own for ``append``."""
    form: Literal["insert", "append"] = "insert"
    """``insert``: a cookie of ours. ``append``: the mark is appended to the application's cookie and stripped again."""
    same_site: Literal["Lax", "Strict", "None"] = "Lax"
    """The SameSite attribute of the inserted cookie."""
    key: Secret | None = None
    """The key of the marks. Left out, a random one is made at each start and clients are spread anew."""
    ttl: Duration = Field(default=3600.0, gt=0)
    """``source``: how long an idle client is remembered."""
    capacity: StrictInt = Field(default=100_000, ge=16, le=100_000_000)
    """``source``: how many clients are remembered; the longest idle is forgotten first."""


class Queue(Model):
    """Where requests wait when every server is at its ``max_connections``."""

    size: StrictInt = Field(default=1024, ge=0, le=1_000_000)
    """How many may wait; one more is refused at once."""
    timeout: Duration = 5.0
    """How long one may wait before it is refused (503 with Retry-After)."""


class Retry(Model):
    """Another try on another server, for a request that failed before anything was sent or that is idempotent."""

    attempts: StrictInt = Field(default=3, ge=1, le=10)
    """How many servers one request may be tried on, the first included."""
    budget: StrictFloat = Field(default=0.2, ge=0, le=1)
    """The share of all requests that may be retries."""
    min_per_second: StrictInt = Field(default=10, ge=0, le=100_000)
    """Retries per second that the budget always allows, so that small traffic can be retried at all."""


class Pool(Model):
    """A set of servers with one algorithm, one probe, one affinity."""

    servers: tuple[Server, ...] = ()
    """The members."""
    algorithm: Algorithm = "round-robin"
    """How one server is chosen among the eligible ones."""
    probe: Probe | None = None
    """The active check; without one, servers count as up until traffic says otherwise."""
    passive: Passive = Passive()
    """What real traffic says of a server."""
    affinity: Affinity | None = None
    """Keeps a client on its server."""
    slow_start: Duration = 0.0
    """A server that came up gets its full weight only after this time; needs an algorithm that reads weights."""
    queue: Queue = Queue()
    """Where requests wait when every server is full."""
    retry: Retry = Retry()
    """When a failed request is tried on another server."""
    on_down: Literal["keep", "cut"] = "keep"
    """What becomes of ``tcp`` connections and upgrades when their server is down, in maintenance or removed."""
    hash_mask_v4: StrictInt = Field(default=32, ge=0, le=32)
    """How many leading bits of an IPv4 client address count (``source-hash``, ``maglev``, affinity ``source``)."""
    hash_mask_v6: StrictInt = Field(default=64, ge=0, le=128)
    """How many leading bits of an IPv6 client address count."""


class Timeouts(Model):
    """How long each phase may take. Every one has a safe default; 0 switches one off."""

    header: Duration = 10.0
    """From the first byte of a request to the end of its header, absolute; mode ``tcp``: of the PROXY header."""
    idle: Duration = 60.0
    """A keep-alive connection without a request."""
    body: Duration = 30.0
    """Between two reads of a request body."""
    connect: Duration = 3.0
    """Opening a connection to a server."""
    response: Duration = 60.0
    """From the request sent to the response header."""
    stall: Duration = 60.0
    """Between two reads of a response, or two writes to a client that does not read."""
    tunnel: Duration = 3600.0
    """An upgraded or ``tcp`` connection on which nothing moves."""
    upstream_idle: Duration = 30.0
    """An idle connection to a server is closed after this time."""


class Limits(Model):
    """What a client may ask of us before it is refused."""

    request_line: Size = 8192
    """The longest request line (414)."""
    header_bytes: Size = 32768
    """The longest header in all (431)."""
    header_count: StrictInt = Field(default=100, ge=1, le=1000)
    """The most fields (431)."""
    connections: StrictInt = Field(default=0, ge=0, le=10_000_000)
    """Connections of this service at once; 0: as many as the descriptors allow."""
    connections_per_client: StrictInt = Field(default=0, ge=0, le=10_000_000)
    """Connections of one client address at once; 0: no limit."""
    body_rate_min: Size = 256
    """Bytes per second that a request body must reach on average after a grace of 10 s (408)."""


class ProxyProtocol(Model):
    """The PROXY protocol, which carries the client's address over a TCP hop."""

    accept: StrictBool = False
    """Expect it on every connection from ``trusted_proxies``."""
    send: Literal["off", "v1", "v2"] = "off"
    """Send it to the servers (mode ``tcp``)."""


class Service(Model):
    """What clients reach: where it listens, how it forwards and the pool behind it."""

    mode: Mode
    """How it forwards."""
    listen: ListenAddress
    """Where clients connect: ``host:port``, ``[v6]:port`` or ``:port`` (every address); port 0 takes a free one."""
    pool: PoolName
    """The pool behind it."""
    trusted_proxies: tuple[Network, ...] = ()
    """Networks whose X-Forwarded-*, Forwarded and PROXY headers are believed and kept."""
    forwarded: StrictBool = False
    """Send the Forwarded field (RFC 7239) as well."""
    via: FieldName = "steelyard"
    """Our name in the Via field (RFC 9110 §7.6.3); empty leaves the field out."""
    request_id: FieldName = "X-Request-Id"
    """The field that carries the request's id to the server; empty sends none."""
    proxy_protocol: ProxyProtocol = ProxyProtocol()
    """The PROXY protocol, in and out."""
    timeouts: Timeouts = Timeouts()
    """How long each phase may take."""
    limits: Limits = Limits()
    """What a client may ask of us."""


class AdminConfig(Model):
    """The HTTP API, metrics and later the dashboard."""

    listen: ListenAddress = "127.0.0.1:9900"
    """Where the API listens; ``off`` is spelled by the flag ``--admin off``."""
    token: Secret | None = None
    """A bearer token that every call must carry; required when ``listen`` is not a loopback address."""


class Log(Model):
    """What is written about the traffic."""

    access: LogTarget = "off"
    """``off``, ``stdout``, ``stderr`` or the path of a file; reopened on SIGUSR1."""
    format: Literal["json", "combined"] = "json"
    """One JSON object a line, or the combined format that log analysers read."""


class Process(Model):
    """The process as a whole."""

    threads: StrictInt = Field(default=0, ge=0, le=256)
    """Native threads that move traffic; 0: one per core that the process may use."""
    shutdown_timeout: Duration = 30.0
    """How long running requests may take to finish after SIGTERM."""
    watch: StrictBool = False
    """Reload when the file changes."""


class Config(Model):
    """The whole file."""

    services: dict[Name, Service] = {}
    """What clients reach, by name."""
    pools: dict[Name, Pool] = {}
    """Sets of servers, by name."""
    admin: AdminConfig = AdminConfig()
    """The admin API."""
    log: Log = Log()
    """The access log."""
    process: Process = Process()
    """The process as a whole."""


Weight = Annotated[int, Field(ge=1, le=1000)]
