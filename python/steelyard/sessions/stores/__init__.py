"""Where sessions are kept. ``open_store(url)`` gives the store of a URL; ``base`` says what a store is."""

from steelyard.sessions.stores.base import Store
from steelyard.sessions.stores.url import open_store

__all__ = ["Store", "open_store"]
