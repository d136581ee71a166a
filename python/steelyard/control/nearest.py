"""The error for a name that is not there, with the nearest that is."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from steelyard.errors import UnknownName


def unknown(what: str, name: str, known: Iterable[str]) -> UnknownName:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    if near:
        cure = f"; did you mean {near[0]!r}?"
    elif names:
        cure = f"; there is {', '.join(map(repr, sorted(names)[:8]))}{', …' if len(names) > 8 else ''}"
    else:
        cure = "; there is none yet"
    return UnknownName(f"no {what} is called {name!r}{cure}")
