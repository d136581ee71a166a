"""The laws of merging, for any states."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from steelyard.sessions import merge
from steelyard.sessions.record import Entry

ENTRIES = st.builds(Entry, st.integers(0, 5), st.none() | st.sampled_from([b"", b"1", b"2"]))
STATES = st.dictionaries(st.sampled_from("abcd"), ENTRIES)
Kept = dict[str, Entry]


def meaning(state: Kept) -> dict[str, tuple[int, bytes]]:
    """What a reader sees, with the stamps; a deletion and an empty value of one stamp are told apart by nobody."""
    return {key: (entry.stamp, entry.value or b"") for key, entry in state.items()}


@given(STATES, STATES)
def test_join_is_commutative(one: Kept, other: Kept) -> None:
    assert meaning(merge.join(one, other)) == meaning(merge.join(other, one))


@given(STATES, STATES, STATES)
def test_join_is_associative(a: Kept, b: Kept, c: Kept) -> None:
    assert meaning(merge.join(merge.join(a, b), c)) == meaning(merge.join(a, merge.join(b, c)))


@given(STATES, STATES)
def test_join_is_idempotent_and_absorbs(one: Kept, other: Kept) -> None:
    assert merge.join(one, one) == one
    joined = merge.join(one, other)
    assert merge.join(joined, other) == joined
    assert merge.join(joined, one) == joined


@given(STATES, STATES)
def test_apply_makes_the_changes_and_nothing_else(changes: Kept, onto: Kept) -> None:
    model = {key: entry.value for key, entry in onto.items()}
    for key, entry in changes.items():
        model.pop(key, None)
        if entry.value is not None:
            model[key] = entry.value
    assert {key: entry.value for key, entry in merge.apply(changes, onto).items()} == model
    kept = merge.apply(changes, onto, keep_deleted=True)
    assert all(kept[key] == entry for key, entry in changes.items())
    assert kept.keys() == onto.keys() | changes.keys()


@given(STATES, STATES, STATES)
def test_a_conflict_is_a_key_that_both_changed(base: Kept, changes: Kept, current: Kept) -> None:
    def stamp(state: Kept, key: str) -> int | None:
        return state[key].stamp if key in state and state[key].value is not None else None

    assert merge.conflicts(base, changes, current) == {
        key for key in changes if stamp(base, key) != stamp(current, key)
    }


@given(STATES, st.integers(0, 6))
def test_only_traces_are_forgotten_and_only_old_ones(state: Kept, before: int) -> None:
    left = merge.without_old_traces(state, before)
    gone = state.keys() - left.keys()
    assert {key: state[key] for key in left} == left
    assert all(state[key].value is None and state[key].stamp < before for key in gone)
    assert all(entry.value is not None or entry.stamp >= before for entry in left.values())


def test_of_many_traces_the_latest_are_kept() -> None:
    many = {f"k{stamp}": Entry(stamp, None) for stamp in range(merge.TRACES + 50)}
    many["lives"] = Entry(0, b"1")
    left = merge.without_old_traces(many, 0)
    assert left.keys() == {"lives", *(f"k{stamp}" for stamp in range(50, merge.TRACES + 50))}


@given(STATES, STATES, st.sampled_from("abcd"), st.integers(6, 9))
def test_what_one_side_deleted_last_stays_deleted(one: Kept, other: Kept, key: str, now: int) -> None:
    here = merge.apply({key: Entry(now, None)}, one, keep_deleted=True)
    for joined in (merge.join(here, other), merge.join(other, here)):
        assert joined[key].value is None
