"""Commands start quickly because they import late: what is heavy is loaded only by what needs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"asyncio", "fastapi", "httpx", "rich", "starlette", "uvicorn"}


def loaded(words: list[str]) -> set[str]:
    script = (
        "import sys\nfrom steelyard.cli.app import run\n"
        f"sys.argv = ['steelyard', *{words!r}]\n"
        "try: run()\nexcept SystemExit: pass\n"
        f"print('LOADED', *({HEAVY!r} & sys.modules.keys()))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(answer.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["status", "--help"], ["drain", "nonsense"]])
def test_what_needs_nothing_loads_nothing_heavy(words: list[str]) -> None:
    assert loaded(words) == set()


def test_a_client_loads_no_server() -> None:
    assert loaded(["drain", "web/a", "--admin", "127.0.0.1:1"]).isdisjoint({"fastapi", "starlette", "uvicorn"})
