"""A record as one string, and back."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.sessions.errors import Unreadable
from steelyard.sessions.record import ENDED, Stored
from steelyard.sessions.stores import envelope

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
RECORDS = st.builds(
    Stored, st.integers(ENDED, 10**11), st.integers(0, 4_000_000_000).map(float), TEXT, st.binary(max_size=60)
)


@given(RECORDS)
def test_records_come_back(stored: Stored) -> None:
    packed = envelope.pack(stored)
    assert envelope.unpack(packed) == stored
    assert packed.startswith(envelope.version(stored.version) + envelope.expires(stored.expires))


@given(RECORDS, st.data())
def test_what_is_cut_short_within_head_or_principal_is_unreadable(stored: Stored, data: st.DataObject) -> None:
    packed = envelope.pack(stored)
    with pytest.raises(Unreadable):
        envelope.unpack(packed[: data.draw(st.integers(0, len(packed) - len(stored.body) - 1))])


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_unreadable_and_nothing_else(value: bytes) -> None:
    with contextlib.suppress(Unreadable):
        envelope.unpack(value)
