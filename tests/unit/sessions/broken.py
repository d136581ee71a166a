"""A connector to a store that is away."""

from __future__ import annotations

from typing import Any


class Broken:
    """Every command fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def execute(self, command: Any) -> Any:
        raise self._error

    def close(self) -> None:
        """Nothing is open."""
