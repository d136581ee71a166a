"""The command ``steelyard``. One file per command; ``app`` has the table of them."""

from __future__ import annotations


def main() -> None:
    """The entry point. Errors raised on purpose become one sentence on stderr, never a traceback."""
    from steelyard.cli.app import run

    run()
