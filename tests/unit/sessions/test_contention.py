"""A save that others outrun again and again: it is polite at first, and then it insists."""

from __future__ import annotations

from steelyard.sessions.manager import ATTEMPTS, PATIENCE, Manager
from steelyard.sessions.plan import Pause, carry_out
from steelyard.sessions.settings import Settings
from steelyard.sessions.stores.memory import MemoryStore


def test_who_lost_often_does_not_pause_any_more() -> None:
    store = MemoryStore()
    manager, connector = Manager(store, Settings(insecure=True)), store.connector()
    session = manager.session(None)
    carry_out(manager.load(session), connector)
    session["mine"] = 0
    carry_out(manager.save(session), connector)
    mine, theirs = manager.session(session.state.cookie_id), manager.session(session.state.cookie_id)
    for one in (mine, theirs):
        carry_out(manager.load(one), connector)
    mine["mine"] = 1

    rivals, pauses, losses = 3 * PATIENCE, [], 0
    plan = manager.save(mine)
    command = next(plan)
    try:
        while True:
            if isinstance(command, Pause):
                pauses.append(losses)
                command = plan.send(None)
                continue
            if losses < rivals:
                losses += 1
                theirs["theirs"] = losses
                carry_out(manager.save(theirs), connector)
            command = plan.send(connector.execute(command))
    except StopIteration:
        pass
    assert losses == rivals < ATTEMPTS
    assert pauses
    assert max(pauses) <= PATIENCE
    after = manager.session(session.state.cookie_id)
    carry_out(manager.load(after), connector)
    assert dict(after) == {"mine": 1, "theirs": rivals}
