"""Runs a program that would outlive us, such as redis-server: ``python -m steelyard.demo.sessions.keeper PROGRAM …``.

It prints the program's process id and kills it when standard input ends, so that it goes even if we were killed.
"""

from __future__ import annotations

import subprocess
import sys


def main() -> None:
    """The child process."""
    with subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as kept:
        print(kept.pid, flush=True)
        sys.stdin.read()
        kept.kill()


if __name__ == "__main__":
    main()
