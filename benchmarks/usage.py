"""What a process and its children have used: CPU time to the nanosecond, memory to the page. Reads ``/proc`` only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU time used since the start. The scheduler knows the sum exactly, and the split only by sampling (proc(5))."""

    total_ns: int
    user_ticks: int
    system_ticks: int

    def __sub__(self, earlier: Cpu) -> Cpu:
        return Cpu(
            self.total_ns - earlier.total_ns,
            self.user_ticks - earlier.user_ticks,
            self.system_ticks - earlier.system_ticks,
        )


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory; ``pss_bytes`` counts a page that several processes share once, ``rss_bytes`` in each."""

    rss_bytes: int
    pss_bytes: int


def family(pid: int) -> Iterator[int]:
    """The process and all its descendants that live."""
    yield pid
    try:
        tasks = list((PROC / str(pid) / "task").iterdir())
    except FileNotFoundError:
        return
    for task in tasks:
        try:
            children = (task / "children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for child in children:
            yield from family(int(child))


def cpu(pid: int) -> Cpu:
    """What the family has used, the threads that run now included."""
    total = user = system = 0
    for member in family(pid):
        try:
            total += sum(_run_time_ns(task) for task in (PROC / str(member) / "task").iterdir())
            fields = parse_stat((PROC / str(member) / "stat").read_text())
        except (FileNotFoundError, ProcessLookupError):
            continue
        user += fields[0]
        system += fields[1]
    return Cpu(total, user, system)


def memory(pid: int) -> Memory:
    rss = pss = 0
    for member in family(pid):
        try:
            fields = parse_smaps_rollup((PROC / str(member) / "smaps_rollup").read_text())
        except (FileNotFoundError, ProcessLookupError):
            continue
        rss += fields["Rss"]
        pss += fields["Pss"]
    return Memory(rss, pss)


def parse_stat(text: str) -> tuple[int, int]:
    """(user, system) ticks of ``/proc/PID/stat``. The name in parentheses may itself hold blanks and parentheses."""
    fields = text[text.rindex(")") + 2 :].split()
    return int(fields[11]), int(fields[12])


def parse_smaps_rollup(text: str) -> dict[str, int]:
    """Bytes by name; the first line, which names the address range, has no colon before its first blank."""
    sizes: dict[str, int] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[0].endswith(":") and words[2] == "kB":
            sizes[words[0][:-1]] = int(words[1]) * 1024
    return sizes


def core_busy_ticks(core: int) -> int:
    """Ticks in which the core was not idle, since boot: whoever used it."""
    return parse_core_busy((PROC / "stat").read_text(), core)


def parse_core_busy(text: str, core: int) -> int:
    for line in text.splitlines():
        words = line.split()
        if words and words[0] == f"cpu{core}":
            ticks = [int(word) for word in words[1:]]
            return sum(ticks[:8]) - ticks[3] - ticks[4]  # all but idle and iowait; guest time is part of user time
    raise ValueError(f"/proc/stat has no line cpu{core}")


def ticks_per_second() -> int:
    return os.sysconf("SC_CLK_TCK")


def _run_time_ns(task: Path) -> int:
    """First field of ``schedstat``: time spent on the CPU."""
    try:
        return int((task / "schedstat").read_text().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return 0
