"""Sessions across a cluster: a user stays logged in whichever server gets the next request.

Stands alone: usable with any balancer or none, and it imports nothing of the rest of the package.
"""

from __future__ import annotations

from steelyard.sessions.asgi import SessionMiddleware
from steelyard.sessions.errors import Conflict, SessionEnded, SessionError, StoreMisconfigured, StoreUnavailable
from steelyard.sessions.session import Session
from steelyard.sessions.settings import Hooks, Settings
from steelyard.sessions.stores import Store, open_store

__all__ = [
    "Conflict",
    "Hooks",
    "Session",
    "SessionEnded",
    "SessionError",
    "SessionMiddleware",
    "Settings",
    "Store",
    "StoreMisconfigured",
    "StoreUnavailable",
    "open_store",
]
