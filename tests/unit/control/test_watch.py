"""The watched file: writes, swapped symlinks, a file still being written, one that goes and comes back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from steelyard.control import watch as module
from steelyard.control.watch import look, watch
from tests.support.waiting import until

INTERVAL = 0.02


@asynccontextmanager
async def watching(file: Path) -> AsyncIterator[list[str]]:
    """The contents seen at each change."""
    seen: list[str] = []

    async def changed() -> None:
        seen.append(read())

    def read() -> str:
        return file.read_text()

    task = asyncio.create_task(watch(file, changed, look(file), INTERVAL))
    try:
        yield seen
    finally:
        task.cancel()


async def test_a_write_is_seen_once(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("one")
    async with watching(file) as seen:
        file.write_text("second")
        await until(lambda: seen)
        file.write_text("the third")
        await until(lambda: len(seen) > 1)
    assert seen == ["second", "the third"]


async def test_a_swapped_symlink_is_seen(tmp_path: Path) -> None:
    for name in ("v1", "v2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    (tmp_path / "now").symlink_to("v1")
    file = tmp_path / "now" / "file"
    async with watching(file) as seen:
        (tmp_path / "next").symlink_to("v2")
        os.replace(tmp_path / "next", tmp_path / "now")
        await until(lambda: seen)
    assert seen == ["v2"]


async def test_a_file_that_goes_is_no_change_until_it_is_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    missed: list[Path] = []

    def counted(path: Path) -> module.Look:
        found = look(path)
        missed.extend([path] if found is None else [])
        return found

    monkeypatch.setattr(module, "look", counted)
    file = tmp_path / "file"
    file.write_text("one")
    async with watching(file) as seen:
        file.unlink()
        await until(lambda: len(missed) > 2)
        assert seen == []
        file.write_text("back")
        await until(lambda: seen)
    assert seen == ["back"]


async def test_a_file_still_being_written_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    looks: list[module.Look] = [(1, 1, size, size) for size in (0, 1, 2, 3, 4, 4, 4)]
    left = list(looks)
    changed_after: list[int] = []
    monkeypatch.setattr(module, "look", lambda _: left.pop(0) if len(left) > 1 else left[0])

    async def changed() -> None:
        changed_after.append(len(looks) - len(left))

    task = asyncio.create_task(watch(tmp_path, changed, None, 0.0))
    await until(lambda: len(left) == 1)
    task.cancel()
    assert changed_after == [6], "only when two looks in a row agreed"
