"""The tools behind the Makefile: too old a compiler is told before anything is made, `make docs` writes every page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATORS = re.compile(r"python -m (steelyard[\w.]+) > ?docs/|python (tools/draw_\w+\.py)")


@pytest.mark.skipif(not shutil.which("cargo"), reason="without cargo the tool has another sentence")
def test_a_rust_compiler_that_is_too_old_is_told_before_anything_is_made(tmp_path: Path) -> None:
    rustc = tmp_path / "rustc"
    rustc.write_text("#!/bin/sh\necho 'rustc 1.80.1 (3f5fd8dd4 2024-08-06)'\n")
    rustc.chmod(0o755)
    venv = tmp_path / "venv"
    run = subprocess.run(
        ["tools/venv.sh", str(venv)],
        cwd=ROOT,
        env={**os.environ, "RUSTC": str(rustc)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stdout.startswith("steelyard needs rustc 1.88 or newer;")
    assert "1.80.1" in run.stdout
    assert not venv.exists()


@pytest.mark.parametrize(
    ("program", "says", "sentence"),
    [
        ("uname", "aarch64", "arm64: this machine is arm64: make build and make test need no emulation here"),
        ("uname", "riscv64", "arm64: made for x86-64; this machine is riscv64"),
        ("id", "1000", "arm64: needs root on Debian (12 or newer): it makes Debian trees and mounts"),
    ],
)
def test_a_machine_that_cannot_emulate_arm64_is_told_why(
    tmp_path: Path, program: str, says: str, sentence: str
) -> None:
    pretended = {"uname": "x86_64", "id": "0"} | {program: says}
    for name, answer in pretended.items():
        (tmp_path / name).write_text(f"#!/bin/sh\necho {answer}\n")
        (tmp_path / name).chmod(0o755)
    trees = tmp_path / "trees"
    path = f"{tmp_path}:{os.environ['PATH']}"
    run = subprocess.run(
        ["tools/arm64.sh", str(ROOT / ".venv/bin")],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "STEELYARD_ARM64": str(trees)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout.strip()) == (1, sentence)
    assert not trees.exists()


def test_make_docs_writes_every_page_and_picture_that_a_test_holds_to_its_source() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\ndocs:")[2].partition("\n\n")[0]
    pages = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("test_*.py")]
    held = {found for page in pages for pair in GENERATORS.findall(page.read_text()) for found in pair if found}
    held |= {f"tools/{tool.name}" for tool in (ROOT / "tools").glob("draw_*.py")}
    assert "steelyard.cli.document" in held
    assert {each for each in held if each not in recipe} == set()
