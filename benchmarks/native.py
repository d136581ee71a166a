"""Builds the four C programs of the benchmarks at first use: ``pinned``, ``origin``, ``relay`` and ``generator``.

They are C so that the load costs as little as a load can, and so that the floor is the floor.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent / "native"
ROOT = Path(__file__).parents[1]
BUILT = ROOT / ".steelyard" / "benchmarks"
FLAGS = ("-std=gnu17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Wshadow")


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the built programs are; each source file opens with what its program does."""

    pinned: Path
    origin: Path
    relay: Path
    generator: Path


class BuildError(Exception):
    """The C programs could not be built; the message holds what the compiler said."""


def build(directory: Path = BUILT) -> Programs:
    """The programs, compiled again when a source is newer than what is there."""
    directory.mkdir(parents=True, exist_ok=True)
    names = Programs.__dataclass_fields__
    newest = max(path.stat().st_mtime for path in SOURCES.iterdir())
    for name in names:
        program = directory / name
        if not program.exists() or program.stat().st_mtime < newest:
            _compile(SOURCES / f"{name}.c", program)
    return Programs(**{name: directory / name for name in names})


def _compile(source: Path, program: Path) -> None:
    compiler = os.environ.get("CC", "cc")
    if not shutil.which(compiler):
        raise BuildError(f"no C compiler named {compiler!r}: install gcc or clang, or set CC")
    # Built aside and moved: two runs at once never see half a program.
    aside = program.with_name(f"{program.name}.{os.getpid()}")
    done = subprocess.run([compiler, *FLAGS, "-o", aside, source], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"{source.name} does not compile:\n{done.stderr}")
    aside.replace(program)
