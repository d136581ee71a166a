"""A room to start the native programs in; where there is no C compiler, what needs one is skipped and says so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from benchmarks import native
from benchmarks.processes import Room


@pytest.fixture(scope="session")
def programs() -> native.Programs:
    if not shutil.which(os.environ.get("CC", "cc")):
        pytest.skip("no C compiler: the benchmarks' native programs cannot be built")
    return native.build()


@pytest.fixture
def room(programs: native.Programs) -> Iterator[Room]:
    cores = sorted(os.sched_getaffinity(0))
    with Room(programs, proxy_core=cores[-1], load_core=cores[0]) as room:
        yield room
