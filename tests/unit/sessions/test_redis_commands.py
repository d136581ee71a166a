"""Commands as bytes, held against redis-py's own packing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from redis.connection import Connection

from steelyard.sessions.stores.redis_commands import Run, Word, pack, script

WORDS = st.lists(st.one_of(st.binary(max_size=80), st.text(max_size=40), st.integers()), min_size=1, max_size=8)


@given(WORDS)
def test_words_are_packed_as_redis_py_packs_them(words: list[Word]) -> None:
    # redis-py splits a command's name at its spaces; arguments it leaves alone.
    assert pack(("SET", *words)) == b"".join(Connection().pack_command("SET", *words))


def test_a_script_is_run_by_digest_or_in_full() -> None:
    run = Run(script("return 1"), "key", (b"a", 2))
    assert run.by_digest() == ("EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", 1, "key", b"a", 2)
    assert run.in_full() == ("EVAL", "return 1", 1, "key", b"a", 2)
