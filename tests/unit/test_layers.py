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
PYTHON = ROOT / "python" / "steelyard"
PURE_CRATES = {
    "balance": {"arc-swap", "serde"},
    "http": {"itoa", "memchr"},
}
"""Each pure crate with all that it may depend on: nothing that has a runtime, socket, clock or chance."""
IMPURE_RUST = re.compile(
    r"\b(Instant|SystemTime|std::(net::(Tcp|Udp)\w+|thread|fs|process|env|io::std)|RandomState|unsafe)\b"
)
PURE_FOLDERS = ("config", "control", "health")
IMPURE_MODULES = {
    "config/load.py": "reads the file",
    "config/secret.py": "reads a secret where it is",
    "control/prepare.py": "resolves names, reveals keys",
    "control/subscribers.py": "queues that followers wait on",
    "control/supervisor.py": "the shell around reduce",
    "control/watch.py": "looks at the file",
    "health/asker.py": "sockets",
    "health/prober.py": "runs the probes",
}
"""All modules of those folders are pure but these, each for its reason."""
NAMED_ANYWHERE = {"config/secret.py"}
"""A secret is a value of a configuration; only ``reveal`` reads it."""
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
    *("logging", "os", "pathlib", "socket", "ssl", "subprocess", "threading", "time", "urllib", "uvicorn"),
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
    """native, then dataplane, then http, balance and reactor, which do not know each other."""
    below = {
        **{"balance": set(), "http": set(), "reactor": set()},
        "dataplane": {"balance", "http", "reactor"},
        "native": {"balance", "dataplane"},
    }
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


def pure_modules() -> list[str]:
    files = [file for folder in PURE_FOLDERS for file in (PYTHON / folder).rglob("*.py")]
    found = [file.relative_to(PYTHON).as_posix() for file in [*files, *PYTHON.glob("*.py")]]
    return sorted({*found} - {*IMPURE_MODULES} - {"balancer.py", "__main__.py", "__init__.py"})


def imports(text: str) -> set[str]:
    """Every module that the text imports, of ``from a import b`` both a and a.b."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("module", pure_modules())
def test_a_pure_module_imports_nothing_impure(module: str) -> None:
    imported = imports((PYTHON / module).read_text())
    assert not {name.partition(".")[0] for name in imported} & IMPURE_PYTHON
    ours = {name: name.removeprefix("steelyard.").replace(".", "/") for name in imported}
    used = {place for path in ours.values() for place in (f"{path}.py", f"{path}/__init__.py")} & set(IMPURE_MODULES)
    assert used <= NAMED_ANYWHERE


def test_what_is_named_impure_is() -> None:
    """A name that is no longer needed would let a module become impure unseen."""
    for module in IMPURE_MODULES:
        assert {name.partition(".")[0] for name in imports((PYTHON / module).read_text())} & IMPURE_PYTHON, module


def test_every_module_stands_in_a_layer() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [name.strip() for layer in contracts[0]["layers"] for name in layer.split("|")]
    loose = []
    for file in PYTHON.rglob("*.py"):
        name = ".".join(file.relative_to(PYTHON.parent).with_suffix("").parts)
        if file.name != "__init__.py" and not any(f"{name}.".startswith(f"{layer}.") for layer in layers):
            loose.append(name)
    assert loose == []


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
