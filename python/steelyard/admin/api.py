"""The admin API: every verb of ``Balancer`` as an HTTP call. It reads and writes JSON and decides nothing.

Documented by /openapi.json; there is no page that would load its scripts from elsewhere. Who may call is ``guard``'s
matter, how errors look ``problems``', the metrics ``metrics``'.
"""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator

from steelyard import __version__, status
from steelyard.admin import metrics, openapi, problems
from steelyard.admin.guard import Guard
from steelyard.admin.shapes import AdminStateBody, AlgorithmBody, Index, Reloaded, Removed, WeightBody, WeightedServer
from steelyard.admin.stream import in_pieces, server_sent
from steelyard.balancer import Balancer
from steelyard.config.diff import Changes
from steelyard.config.model import Config, Server
from steelyard.config.needs import reads_weights
from steelyard.config.rules.pools import weights_ignored
from steelyard.control.nearest import unknown
from steelyard.errors import Refused

PoolName = Annotated[str, Path(description="A pool's name.", examples=["web"])]
ServerId = Annotated[str, Path(description="A server's id inside its pool; it may contain slashes.", examples=["a"])]


def create_app(balancer: Balancer, token: bytes | None = None) -> FastAPI:
    """The ASGI application. ``token``: the bearer token that every call must carry; None: loopback callers only."""
    app = FastAPI(
        title="Steelyard admin API",
        version=__version__,
        description=openapi.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.balancer = balancer
    app.state.closing = asyncio.Event()
    app.include_router(_read)
    app.include_router(_change)
    app.include_router(_observe)
    problems.install(app)
    openapi.install(app)
    app.add_middleware(Guard, token=token)
    return app


def _balancer(request: Request) -> Balancer:
    balancer: Balancer = request.app.state.balancer
    return balancer


_read = APIRouter(tags=["read"])
_change = APIRouter(prefix="/v1", tags=["change"])
_observe = APIRouter(tags=["observe"])


def _ip_address(text: str) -> str:
    return str(ipaddress.ip_address(text))


@_read.get("/", operation_id="index")
async def index() -> Index:
    """Where to find what."""
    return Index(
        name="steelyard",
        version=__version__,
        openapi="/openapi.json",
        status="/v1/status",
        metrics="/metrics",
        events="/v1/events",
    )


@_read.get("/v1/status", operation_id="status")
async def read_status(request: Request) -> status.Status:
    """Everything: services, pools, servers."""
    return await _balancer(request).status()


@_read.get("/v1/services", operation_id="services")
async def read_services(request: Request) -> tuple[status.ServiceStatus, ...]:
    """What clients reach."""
    return (await _balancer(request).status()).services


@_read.get("/v1/pools", operation_id="pools")
async def read_pools(request: Request) -> tuple[status.PoolStatus, ...]:
    """Every pool with its servers."""
    return (await _balancer(request).status()).pools


@_read.get("/v1/pools/{pool}", operation_id="pool")
async def read_pool(request: Request, pool: PoolName) -> status.PoolStatus:
    """One pool with its servers."""
    return await _pool(_balancer(request), pool)


@_read.get("/v1/pools/{pool}/servers/{server:path}", operation_id="server")
async def read_server(request: Request, pool: PoolName, server: ServerId) -> status.ServerStatus:
    """One server."""
    return await _balancer(request).server(pool, server)


@_read.get("/v1/explain", operation_id="explain")
async def explain(
    request: Request,
    client: Annotated[
        str, AfterValidator(_ip_address), Query(description="The client's address.", examples=["192.0.2.7"])
    ],
    pool: Annotated[str, Query(description="The pool asked; or name a service.", examples=["web"])] = "",
    service: Annotated[str, Query(description="The service whose pool is asked.", examples=["www"])] = "",
    cookie: Annotated[str, Query(description="The Cookie field the client would send.", examples=["SRV=k3x"])] = "",
) -> status.Explanation:
    """Which server a client would get now, and why. Nothing is changed by asking."""
    balancer = _balancer(request)
    if bool(pool) == bool(service):
        raise Refused("explain: name either a pool or a service: ?pool=web or ?service=www")
    if service:
        services = balancer.config.services
        if service not in services:
            raise unknown("service", service, services)
        pool = services[service].pool
    return await balancer.explain(pool, client, cookie)


@_read.get("/v1/config", operation_id="config")
async def read_config(request: Request) -> Config:
    """The configuration in force, with what was changed at run time. Of a secret only its source is shown."""
    return _balancer(request).config


@_change.post("/pools/{pool}/servers", operation_id="add-server", status_code=201)
async def add_server(request: Request, response: Response, pool: PoolName, server: Server) -> status.ServerStatus:
    """Add a server. It is probed first, and gets clients when it is up."""
    balancer = _balancer(request)
    await balancer.add_server(pool, server)
    name = server.id or server.address
    response.headers["Location"] = f"/v1/pools/{quote(pool, safe='')}/servers/{quote(name, safe='')}"
    return await balancer.server(pool, name)


@_change.delete("/pools/{pool}/servers/{server:path}", operation_id="remove-server", status_code=202)
async def remove_server(request: Request, pool: PoolName, server: ServerId) -> Removed:
    """Remove a server: drained first; it gets no new client once this has answered."""
    await _balancer(request).remove_server(pool, server)
    return Removed(pool=pool, server=server)


@_change.put("/pools/{pool}/servers/{server:path}/admin-state", operation_id="set-admin-state")
async def set_admin_state(
    request: Request, pool: PoolName, server: ServerId, body: AdminStateBody
) -> status.ServerStatus:
    """ready, drain (no new clients, bound ones stay) or maintenance (no clients at all)."""
    balancer = _balancer(request)
    verbs = {"ready": balancer.ready, "drain": balancer.drain, "maintenance": balancer.maintenance}
    await verbs[body.admin](pool, server)
    return await balancer.server(pool, server)


@_change.put("/pools/{pool}/servers/{server:path}/weight", operation_id="set-weight")
async def set_weight(request: Request, pool: PoolName, server: ServerId, body: WeightBody) -> WeightedServer:
    """Change a weight. Where the pool's algorithm does not read weights, the answer has a warning."""
    balancer = _balancer(request)
    await balancer.set_weight(pool, server, body.weight)
    algorithm = balancer.algorithm_of(pool)
    warning = "" if reads_weights(algorithm) else "; ".join(weights_ignored(algorithm))
    return WeightedServer(**dict(await balancer.server(pool, server)), warning=warning)


@_change.put("/pools/{pool}/algorithm", operation_id="set-algorithm")
async def set_algorithm(request: Request, pool: PoolName, body: AlgorithmBody) -> status.PoolStatus:
    """Change a pool's algorithm while it runs."""
    balancer = _balancer(request)
    await balancer.set_algorithm(pool, body.algorithm)
    return await _pool(balancer, pool)


@_change.post("/reload", operation_id="reload")
async def reload(request: Request) -> Reloaded:
    """Read the configuration file again. A file that is not usable changes nothing."""
    changes = await _balancer(request).reload()
    assert isinstance(changes, Changes)
    return Reloaded(changes=changes.sentences())


@_observe.get("/v1/events", operation_id="events", response_class=StreamingResponse)
async def events(request: Request) -> StreamingResponse:
    """What happens from now on, as server-sent events."""
    stream = server_sent(_balancer(request).events(), request.app.state.closing)
    return StreamingResponse(stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


@_observe.get("/metrics", operation_id="metrics", response_class=Response)
async def read_metrics(request: Request) -> StreamingResponse:
    """Metrics in the text format of Prometheus; docs/metrics.md explains each."""
    text = in_pieces(metrics.render(await _balancer(request).measures()))
    return StreamingResponse(text, media_type=metrics.CONTENT_TYPE)


@_observe.get("/healthz", operation_id="healthz", response_class=Response)
async def healthz() -> Response:
    """The process answers. Needs no token."""
    return Response("ok\n", media_type="text/plain")


@_observe.get("/readyz", operation_id="readyz", response_class=Response)
async def readyz(request: Request) -> Response:
    """200 while clients are welcome, 503 once the balancer is stopping. Needs no token."""
    stopping = (await _balancer(request).status()).stopping
    return Response("stopping\n" if stopping else "ready\n", 503 if stopping else 200, media_type="text/plain")


async def _pool(balancer: Balancer, name: str) -> status.PoolStatus:
    pools = (await balancer.status()).pools
    for pool in pools:
        if pool.name == name:
            return pool
    raise unknown("pool", name, [pool.name for pool in pools])
