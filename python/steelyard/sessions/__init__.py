"""Sessions across a cluster: a user stays logged in whichever server gets the next request.

Stands alone: usable with any balancer or none, and it imports nothing of the rest of the package.
"""

from __future__ import annotations

from steelyard.sessions.asgi import SessionMiddleware
from steelyard.sessions.errors import Conflict, SessionEnded, SessionError, StoreMisconfigured, StoreUnavailable
from steelyard.sessions.manager import Manager
from steelyard.sessions.plan import carry_out, carry_out_async
from steelyard.sessions.session import Session
from steelyard.sessions.settings import Hooks, Settings
from steelyard.sessions.stores import Store, open_store

__all__ = [
    "Conflict",
    "Hooks",
    "Manager",
    "Session",
    "SessionEnded",
    "SessionError",
    "SessionMiddleware",
    "Settings",
    "Store",
    "StoreMisconfigured",
    "StoreUnavailable",
    "carry_out",
    "carry_out_async",
    "open_store",
]
