"""What a result says of the machine, and what it must not say."""

from __future__ import annotations

import getpass
import platform
from pathlib import Path

import pytest

from benchmarks import machine

X86 = """\
processor\t: 0
cpu family\t: 6
model\t\t: 207
model name\t: Intel(R) Xeon(R) Processor
stepping\t: 2
"""
ARM = """\
processor\t: 0
CPU implementer\t: 0x41
CPU part\t: 0xd0c
"""


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        (X86, "Intel(R) Xeon(R) Processor (family 6, model 207, stepping 2)"),
        ("model name\t: Some CPU\n", "Some CPU"),
        (ARM, "ARM implementer 0x41, part 0xd0c"),
        ("", platform.machine()),
    ],
)
def test_the_cpu_is_named(cpuinfo: str, expected: str) -> None:
    assert machine.parse_cpu_model(cpuinfo) == expected


def test_the_machine_stays_unnamed() -> None:
    words = " ".join(str(value) for value in machine.describe().as_dict().values())
    assert str(Path.cwd()) not in words
    assert getpass.getuser() not in words.split()
    assert platform.release() == platform.release().split("-")[0] or platform.release() not in words


def test_how_busy_the_machine_is_is_a_share() -> None:
    assert 0 <= machine.busy_share(0.05) <= 1


def test_a_program_that_is_not_there_has_an_unknown_version() -> None:
    assert machine.first_line(["/nonexistent/program"]) == "unknown (FileNotFoundError)"
