"""The session as an application sees it: a mapping that is loaded when it is first read and knows what changed.

Values are decoded when they are read. What changed is found by comparing bytes when the session is saved, so a change
deep inside a list or a dictionary counts like any other. Nothing here waits or asks a store: ``manager`` does.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from steelyard.sessions.codec import Codec, decode_value, encode_value
from steelyard.sessions.errors import NotLoaded
from steelyard.sessions.keys import store_key
from steelyard.sessions.record import Content, Entry, Stored

_ABSENT = object()
_DELETED = object()
_FIXED = frozenset({str, int, float, bool, bytes, type(None)})
"""What cannot change after it was read, so that a save need not look whether it did."""
_NOTHING = Content(0.0, 0.0)


class Session(MutableMapping[str, Any]):
    """A mapping of text to plain data. Read and write it like a dictionary.

    ``renew`` after a login gives it a new id; ``login`` does that and says whose it is; ``end`` is the logout.
    """

    def __init__(self, codec: Codec, cookie_id: str | None, fetch: Callable[[Session], None] | None = None) -> None:
        self._codec = codec
        self._fetch = fetch
        self._values: dict[str, Any] = {}
        """What was set, and what was read and may have changed since."""
        self._read: dict[str, Any] = {}
        """What was read and cannot have changed."""
        self._encoded: dict[str, bytes | None] = {}
        self.state = State(cookie_id)

    # What applications use -------------------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> Any:
        state = self.state
        if not state.loaded:
            self._load()
        value = self._values.get(key, _ABSENT)
        if value is _ABSENT:
            value = self._read.get(key, _ABSENT)
        if value is _DELETED:
            raise KeyError(key)
        if value is not _ABSENT:
            return value
        entry = state.content.entries.get(key)
        if entry is None or entry.value is None:
            raise KeyError(key)
        value = decode_value(entry.value)
        kept = self._read if type(value) in _FIXED else self._values
        kept[key] = value
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"a session's keys are text, found {type(key).__name__}")
        self._load()
        self._values[key] = value

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self._values[key] = _DELETED

    def __contains__(self, key: object) -> bool:
        self._load()
        if key in self._values:
            return self._values[str(key)] is not _DELETED
        entry = self.state.content.entries.get(str(key))
        return entry is not None and entry.value is not None

    def __iter__(self) -> Iterator[str]:
        self._load()
        yield from [key for key in {**self.state.content.entries, **self._values} if key in self]

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        # Neither the id nor the values: a session in a log line must not give anything away.
        return f"<Session {'loaded' if self.state.loaded else 'not loaded'}>"

    def clear(self) -> None:
        """Forget everything. A session that is still empty at the end of the request is ended, as Starlette's is."""
        self._load()
        self._values = dict.fromkeys(self.state.content.entries, _DELETED)
        self.state.cleared = True

    def login(self, principal: str) -> None:
        """Say whose session it is and give it a new id, so that an id planted before the login is worth nothing."""
        self._load()
        self.state.principal = principal
        self.renew()

    def renew(self) -> None:
        """Give the session a new id. Requests that run with the old one lose nothing."""
        self._load()
        self.state.renewing = True

    def end(self) -> None:
        """End the session: a logout. No slower request can bring it back."""
        self._load()
        self._values = {}
        self.state.ending = True

    @property
    def principal(self) -> str:
        """Whose session it is; empty before ``login``."""
        self._load()
        return self.state.principal

    @property
    def new(self) -> bool:
        """Whether no store knows it yet."""
        self._load()
        return self.state.stored is None

    @property
    def created(self) -> float:
        """Unix time of the beginning."""
        self._load()
        return self.state.content.created

    @property
    def modified(self) -> bool:
        """Whether there is anything to save, nested changes included."""
        return self.state.loaded and bool(self.changes(0) or self.state.ending or self.state.renewing)

    # What the manager uses -------------------------------------------------------------------------------------------

    def changes(self, now_us: int) -> dict[str, Entry]:
        """What this request did, as entries: each stamped now, and later than what it replaces."""
        made: dict[str, Entry] = {}
        entries = self.state.content.entries
        self._encoded = {
            key: None if value is _DELETED else encode_value(self._codec, key, value)
            for key, value in self._values.items()
        }
        for key, encoded in self._encoded.items():
            before = entries.get(key)
            if encoded != (None if before is None else before.value):
                made[key] = Entry(max(now_us, 0 if before is None else before.stamp + 1), encoded)
        return made

    def adopt(self, stored: Stored | None, content: Content) -> None:
        """Take what was loaded or saved as the new base. Values handed out before stay the application's."""
        state = self.state
        state.loaded, state.stored, state.content = True, stored, content
        self._read = {}
        state.principal = stored.principal if stored is not None else ""

    def settle(self, stored: Stored | None, content: Content) -> None:
        """After a save: what was saved is the base, and what others changed is read anew when asked for."""
        saved, entries = self._encoded, content.entries
        self._values = {
            key: value
            for key, value in self._values.items()
            # Kept too: what was set while the save was under way.
            if key not in saved or (key in entries and entries[key].value == saved[key])
        }
        self.adopt(stored, content)
        self.state.ending = self.state.renewing = self.state.cleared = False

    def _end_with(self, principal: str, but_this: bool) -> bool:
        """End this session too, if it is one of this principal's: the response then takes the client's cookie away."""
        if but_this or not principal or self.principal != principal:
            return False
        self.end()
        return True

    def forget(self) -> None:
        """Read it anew when it is next asked for, unless there is something of this request to save."""
        if self.state.loaded and self.state.stored is not None and not self.modified:
            self._values, self.state.loaded = {}, False

    def _load(self) -> None:
        if self.state.loaded:
            return
        if self._fetch is None:
            raise NotLoaded("the session is not loaded: await session.load() before it is read here")
        self._fetch(self)

    def snapshot(self) -> dict[str, Any]:
        """A plain copy of everything, for templates and tests."""
        return {key: copy.deepcopy(value) for key, value in self.items()}


class State:
    """What is known of a session besides its values."""

    __slots__ = (
        *(
            "_key",
            "_key_of",
            "cleared",
            "content",
            "cookie_id",
            "ending",
            "idle",
            "loaded",
            "principal",
            "renewing",
            "stale",
        ),
        "stored",
    )

    def __init__(self, cookie_id: str | None) -> None:
        self.cookie_id = cookie_id
        """The id that the client sent, after its signature was checked."""
        self.loaded = False
        self.stored: Stored | None = None
        self.content = _NOTHING
        self.principal = ""
        self.idle: float | None = None
        """This session's own idle time, in place of the settings'."""
        self.renewing = False
        self.ending = False
        self.cleared = False
        self.stale = False
        """The client's id was renewed by another request: no cookie may be sent, or it would undo the renewal."""
        self._key = ""
        self._key_of: str | None = None

    @property
    def key(self) -> str:
        """The store's key of the id; computed once for a load and a save."""
        assert self.cookie_id is not None
        if self._key_of is not self.cookie_id:
            self._key, self._key_of = store_key(self.cookie_id), self.cookie_id
        return self._key
