"""A connector to a store that is away, or goes away after some commands."""

from __future__ import annotations

from typing import Any

from steelyard.sessions.plan import Connector


class Broken:
    """Every command fails, after the first ``good`` ones, which ``whole`` carries out."""

    def __init__(self, error: Exception, whole: Connector | None = None, good: int = 0) -> None:
        self._error = error
        self._whole = whole
        self._good = good

    def execute(self, command: Any) -> Any:
        if self._whole is not None and self._good > 0:
            self._good -= 1
            return self._whole.execute(command)
        raise self._error

    def close(self) -> None:
        """Nothing is open."""
