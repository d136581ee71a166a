"""What the results were measured on, without naming the machine."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import usage


@dataclass(frozen=True, slots=True)
class Machine:
    cpu: str
    cores: int
    memory_gib: int
    virtual: bool
    kernel: str
    python: str
    compiler: str

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def busy_share(seconds: float = 1.0) -> float:
    """How busy the cores are with the work of others: near 0 on a machine that is fit for measuring."""
    cores = sorted(os.sched_getaffinity(0))
    before = [usage.core_busy_ticks(core) for core in cores]
    time.sleep(seconds)
    busy = sum(usage.core_busy_ticks(core) for core in cores) - sum(before)
    return min(busy / usage.ticks_per_second() / seconds / len(cores), 1.0)


def describe() -> Machine:
    cpuinfo = Path("/proc/cpuinfo").read_text()
    return Machine(
        cpu=parse_cpu_model(cpuinfo),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
        virtual=bool(re.search(r"^flags\s*:.*\bhypervisor\b", cpuinfo, re.MULTILINE)),
        # Only the version: the rest of a kernel's name can be a name of its owner's choosing.
        kernel="Linux " + platform.release().split("-")[0],
        python=platform.python_version(),
        compiler=first_line([os.environ.get("CC", "cc"), "--version"]),
    )


def parse_cpu_model(cpuinfo: str) -> str:
    """The model's name and numbers; arm64 has only numbers."""

    def field(name: str) -> str:
        found = re.search(rf"^{name}\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
        return found[1].strip() if found else ""

    if name := field("model name"):
        family, model, stepping = field("cpu family"), field("model"), field("stepping")
        return f"{name} (family {family}, model {model}, stepping {stepping})" if family else name
    if part := field("CPU part"):
        return f"ARM implementer {field('CPU implementer')}, part {part}"
    return platform.machine()


def first_line(command: list[str]) -> str:
    """What a program says of its version, or why it cannot."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"unknown ({error.__class__.__name__})"
    return (done.stdout or done.stderr).strip().split("\n")[0]
