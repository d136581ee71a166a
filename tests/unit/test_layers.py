"""What is pure stays pure, and what is small stays small: limits of ARCHITECTURE.md and of the style, of every file.

import-linter proves the order of the Python layers; here are the Rust crates, what pure Python modules may import, and
the lengths of files and functions.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[2]
PURE_CRATES = {
    "balance": {"arc-swap", "serde"},
    "http": {"itoa", "memchr"},
}
"""Each pure crate with all that it may depend on: nothing that has a runtime, socket, clock or chance."""
IMPURE_RUST = re.compile(
    r"\b(Instant|SystemTime|std::(net::(Tcp|Udp)\w+|thread|fs|process|env|io::std)|RandomState|unsafe)\b"
)
PURE_MODULES = (
    "config/model.py",
    "config/check.py",
    "config/diff.py",
    "config/types.py",
    "control/state.py",
    "control/events.py",
    "control/effects.py",
    "control/eligible.py",
    "control/reduce.py",
    "control/publish.py",
    "health/policy.py",
)
IMPURE_PYTHON = {
    *(
        "asyncio",
        "concurrent",
        "http",
        "httpx",
        "multiprocessing",
        "random",
        "secrets",
        "select",
        "selectors",
        "signal",
    ),
    *("socket", "ssl", "subprocess", "threading", "time", "urllib", "uvicorn"),
}
LINES_MAX, LINES_95TH, LINES_MEDIAN, FUNCTION_MAX = 800, 500, 150, 70


@cache
def sources() -> dict[str, str]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.py", "*.rs", "*.c", "*.h"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout, so it cannot be told which files are sources")
    return {name: (ROOT / name).read_text() for name in listed.stdout.split() if (ROOT / name).is_file()}


@pytest.mark.parametrize("crate", PURE_CRATES)
def test_a_pure_crate_depends_on_nothing_impure(crate: str) -> None:
    manifest = tomllib.loads((ROOT / "crates" / crate / "Cargo.toml").read_text())
    assert set(manifest["dependencies"]) <= PURE_CRATES[crate]
    assert not set(manifest) & {"build-dependencies", "target"}


def test_dependencies_of_crates_go_one_way() -> None:
    """native, then dataplane, then http and balance, which do not know each other."""
    below = {"balance": set(), "http": set(), "dataplane": {"balance", "http"}, "native": {"balance", "dataplane"}}
    run = ["cargo", "metadata", "--no-deps", "--format-version", "1", "--offline"]
    metadata = json.loads(subprocess.run(run, cwd=ROOT, capture_output=True, check=True).stdout)
    for package in metadata["packages"]:
        name = package["name"].removeprefix("steelyard-")
        ours = {each["name"].removeprefix("steelyard-") for each in package["dependencies"] if each.get("path")}
        assert ours <= below[name], name


@pytest.mark.parametrize("crate", PURE_CRATES)
def test_a_pure_crate_uses_nothing_impure(crate: str) -> None:
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in sources().items()
        if name.startswith(f"crates/{crate}/src/")
        for number, line in enumerate(text.partition("#[cfg(test)]")[0].splitlines(), 1)
        if IMPURE_RUST.search(line.partition("//")[0])
    ]
    assert found == []


@pytest.mark.parametrize("module", PURE_MODULES)
def test_a_pure_module_imports_nothing_impure(module: str) -> None:
    tree = ast.parse((ROOT / "python" / "steelyard" / module).read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name.partition(".")[0] for name in imported} & IMPURE_PYTHON


def test_files_are_small() -> None:
    lengths = {name: len(text.splitlines()) for name, text in sources().items()}
    ordered = sorted(lengths.values())
    assert {name: length for name, length in lengths.items() if length > LINES_MAX} == {}
    assert ordered[int(len(ordered) * 0.95)] <= LINES_95TH
    assert median(ordered) <= LINES_MEDIAN


def python_functions(text: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            yield node.name, node.end_lineno - node.lineno + 1


def rust_functions(text: str) -> Iterator[tuple[str, int]]:
    """rustfmt puts a function's last brace below its first word."""
    lines = text.splitlines()
    for start, line in enumerate(lines):
        if found := re.match(r"( *)(?:pub(?:\(\w+\))? )?(?:(?:const|async|unsafe) )*fn (\w+)", line):
            closing = re.compile(found[1] + r"(}|\).*;|(?! ).*[;}])")
            ends = (number for number in range(start, len(lines)) if closing.fullmatch(lines[number]))
            yield found[2], next(ends, start) - start + 1


def test_functions_are_short() -> None:
    long = [
        f"{name}: {function} has {length} lines"
        for name, text in sources().items()
        if name.endswith((".py", ".rs"))
        for function, length in (python_functions if name.endswith(".py") else rust_functions)(text)
        if length > FUNCTION_MAX
    ]
    assert long == []


def test_the_measures_measure() -> None:
    rust = "impl A {\n    pub fn one(\n        a: u8,\n    ) -> u8 {\n        a\n    }\n    fn two() {}\n}\n"
    assert list(rust_functions(rust)) == [("one", 5), ("two", 1)]
    assert list(python_functions("def one():\n    a = 1\n    return a\n")) == [("one", 3)]
    assert IMPURE_RUST.search("let now = Instant::now();")
    assert not IMPURE_RUST.search("use std::net::IpAddr;")
