"""The options of a store's URL, refused where they are wrong: a mistyped one must not be ignored. Pure."""

from __future__ import annotations

import difflib
from urllib.parse import parse_qsl, urlsplit

from steelyard.sessions.errors import StoreMisconfigured


class UrlOptions:
    """What stands behind the ``?``. Taken one by one; ``nothing_else`` refuses what is left."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self.rest: dict[str, str] = dict(parse_qsl(parts.query, keep_blank_values=True))
        self._known: list[str] = []

    def text(self, name: str, default: str) -> str:
        self._known.append(name)
        return self.rest.pop(name, default)

    def seconds(self, name: str, default: float) -> float:
        given = self.text(name, str(default))
        try:
            found = float(given)
        except ValueError:
            found = 0.0
        if not 0 < found < float("inf"):
            raise StoreMisconfigured(f"{self._scheme}:// option {name} is a time in seconds above 0, found {given!r}")
        return found

    def count(self, name: str, default: int) -> int:
        given = self.text(name, str(default))
        if not given.isdecimal() or int(given) < 1:
            raise StoreMisconfigured(f"{self._scheme}:// option {name} is a whole number from 1, found {given!r}")
        return int(given)

    def flag(self, name: str) -> bool:
        given = self.text(name, "false").lower()
        if given not in ("1", "true", "yes", "0", "false", "no"):
            raise StoreMisconfigured(f"{self._scheme}:// option {name} is true or false, found {given!r}")
        return given in ("1", "true", "yes")

    def nothing_else(self) -> None:
        for name in self.rest:
            near = difflib.get_close_matches(name, self._known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            known = f"known are {', '.join(sorted(self._known))}" if self._known else "it has none"
            raise StoreMisconfigured(f"{self._scheme}:// has no option {name}: {known}{hint}")
