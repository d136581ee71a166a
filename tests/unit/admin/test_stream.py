"""Long texts: nothing is lost, short parts go together, and others get their turn in between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise

from steelyard.admin.stream import in_pieces


async def test_others_get_a_turn_between_any_two_parts() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.create_task(other())
    seen: list[int] = []

    def parts() -> Iterator[str]:
        for number in range(50):
            seen.append(turns)
            yield f"{number}\n"

    pieces = [piece async for piece in in_pieces(parts())]
    running.cancel()
    assert "".join(pieces) == "".join(f"{number}\n" for number in range(50))
    assert len(pieces) == 1, "short parts go together"
    assert all(later > earlier for earlier, later in pairwise(seen))


async def test_a_long_text_comes_in_several_pieces() -> None:
    pieces = [piece async for piece in in_pieces(["x" * 40_000] * 10)]
    assert len(pieces) > 3
    assert sum(map(len, pieces)) == 400_000
