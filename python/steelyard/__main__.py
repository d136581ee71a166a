"""``python -m steelyard``: the command, where no script is on the path."""

from __future__ import annotations

from steelyard.cli import main

if __name__ == "__main__":
    main()
