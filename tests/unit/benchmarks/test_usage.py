"""The readers of /proc, on texts as the kernel writes them and on this very process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from benchmarks import usage

STAT = "1234 (a (strange) name) S 1 1234 1234 0 -1 4194560 900 0 0 0 321 77 5 6 20 0 1 0 100 1000 200"
SMAPS = """\
55d0c0000000-7ffd00000000 ---p 00000000 00:00 0                          [rollup]
Rss:                2048 kB
Pss:                1024 kB
Pss_Anon:            512 kB
"""
CORES = """\
cpu  100 0 50 800 10 0 5 0 0 0
cpu0 40 1 20 400 5 2 3 4 9 0
cpu1 60 0 30 400 5 0 2 0 0 0
"""


def test_a_name_may_hold_parentheses_and_blanks() -> None:
    assert usage.parse_stat(STAT) == (321, 77)


def test_smaps_rollup_is_in_bytes() -> None:
    assert usage.parse_smaps_rollup(SMAPS) == {"Rss": 2048 * 1024, "Pss": 1024 * 1024, "Pss_Anon": 512 * 1024}


def test_a_core_is_busy_when_it_neither_idles_nor_waits() -> None:
    assert usage.parse_core_busy(CORES, 0) == 40 + 1 + 20 + 2 + 3 + 4


def test_a_core_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="cpu7"):
        usage.parse_core_busy(CORES, 7)


def test_the_difference_of_two_readings() -> None:
    used = usage.Cpu(900, 30, 70) - usage.Cpu(400, 20, 30)
    assert used == usage.Cpu(500, 10, 40)


def test_work_shows_in_our_own_reading() -> None:
    before = usage.cpu(os.getpid())
    sum(range(300_000))
    assert usage.cpu(os.getpid()).total_ns > before.total_ns


def test_children_belong_to_the_family() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in set(usage.family(os.getpid()))
        assert usage.memory(os.getpid()).pss_bytes > usage.memory(child.pid).pss_bytes > 0


def test_a_process_that_is_gone_has_used_nothing() -> None:
    child = subprocess.Popen(["/bin/true"])
    child.wait()
    assert usage.cpu(child.pid) == usage.Cpu(0, 0, 0)
