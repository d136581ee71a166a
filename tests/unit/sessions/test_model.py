"""Sessions against a model: any order of loads, changes, saves, renewals and ends, by many requests at once."""

from __future__ import annotations

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, rule

from steelyard.sessions.errors import SessionEnded
from steelyard.sessions.manager import Manager, SetCookie
from steelyard.sessions.plan import carry_out
from steelyard.sessions.session import Session
from steelyard.sessions.settings import Settings
from steelyard.sessions.stores.memory import MemoryStore

KEYS = st.sampled_from("abcd")


class Requests(RuleBasedStateMachine):
    """One client's session. The model: saved changes are applied in the order of their saves, until the end."""

    requests = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        store = MemoryStore()
        self.manager = Manager(store, Settings(insecure=True))
        self.connector = store.connector()
        self.cookie: str | None = None
        self.model: dict[str, int] | None = None
        """What must be there; None: no session."""
        self.changes: dict[int, dict[str, int | None]] = {}
        self.generation = 0
        self.loaded_in: dict[int, int] = {}

    def _load(self) -> Session:
        session = self.manager.session(self.cookie)
        carry_out(self.manager.load(session), self.connector)
        return session

    @rule(target=requests)
    def load(self) -> Session:
        session = self._load()
        assert dict(session) == (self.model or {})
        self.changes[id(session)] = {}
        self.loaded_in[id(session)] = self.generation if not session.new else -1
        return session

    @rule(session=requests, key=KEYS, value=st.integers(0, 9))
    def change(self, session: Session, key: str, value: int) -> None:
        session[key] = value
        self.changes[id(session)][key] = value

    @rule(session=requests, key=KEYS)
    def delete(self, session: Session, key: str) -> None:
        if key in session:
            del session[key]
            self.changes[id(session)][key] = None

    @rule(session=consumes(requests), renew=st.booleans())
    def save(self, session: Session, renew: bool) -> None:
        if session.new and self.cookie is not None and self.model is not None:
            return  # another request of this client made the session meanwhile: two cookies, the later one counts
        before = {key: entry.value for key, entry in session.state.content.entries.items()}
        wanted = self.changes.pop(id(session))
        if renew and not session.new and session.state.cookie_id == self.cookie:
            session.renew()
        changed = session.changes(0)
        try:
            change = carry_out(self.manager.save(session), self.connector)
        except SessionEnded:
            assert self.loaded_in[id(session)] != self.generation or self.model is None
            return
        if isinstance(change, SetCookie):
            self.cookie = change.session_id
            if self.loaded_in[id(session)] == -1:
                self.generation += 1
                self.model = {}
        if changed or isinstance(change, SetCookie):
            assert self.model is not None
            for key, value in wanted.items():
                if key in changed:
                    if value is None:
                        self.model.pop(key, None)
                    else:
                        self.model[key] = value
        assert set(changed) <= set(wanted) | set(before)
        assert dict(self._load()) == self.model or self.model is None

    @rule()
    def end(self) -> None:
        if self.model is not None:
            session = self._load()
            session.end()
            carry_out(self.manager.save(session), self.connector)
            self.model = None
            assert self._load().new


Requests.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=40, deadline=None)
TestRequests = Requests.TestCase
