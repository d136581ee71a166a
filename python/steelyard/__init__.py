"""Steelyard: a load balancer for Python people. Python decides; native code moves.

The names here are the public library: ``Balancer`` runs one inside your own asyncio program.
Sessions for applications live apart, in ``steelyard.sessions``, and need none of the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steelyard.balancer import Balancer as Balancer

__all__ = ["Balancer", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load the balancer only when asked for, so that ``steelyard.sessions`` costs an application nothing more."""
    if name == "Balancer":
        from steelyard.balancer import Balancer

        return Balancer
    raise AttributeError(f"module 'steelyard' has no attribute {name!r}")
