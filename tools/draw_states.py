"""Draws the state diagrams of docs/health.md from the tables that the code walks, as Mermaid text.

Usage: python tools/draw_states.py [--check]. Everything between the two markers of a diagram is replaced;
``--check`` changes nothing and fails when something would change.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from steelyard.control import operate
from steelyard.health import policy

PAGE = Path(__file__).parent.parent / "docs" / "health.md"


def health() -> str:
    """Each transition with the probes it takes: "rise good"."""
    arrows = [
        f"    {state} --> {step.to}: {step.after} {'good' if good else 'bad'}"
        for (state, good), step in policy.TABLE.items()
    ]
    return _diagram(["    [*] --> unknown: with a probe", "    [*] --> up: without a probe", *arrows])


def admin() -> str:
    """Each transition with the verb that leads to it; the end of a removal leaves the diagram."""
    arrows = [
        f"    {state} --> {'[*]' if after == 'gone' else after}: {verb}"
        for (state, verb), after in operate.TABLE.items()
    ]
    return _diagram(["    [*] --> ready", *arrows])


def _diagram(lines: list[str]) -> str:
    return "\n".join(["```mermaid", "stateDiagram-v2", "    direction LR", *lines, "```"])


def draw(page: str) -> str:
    """The page with its diagrams drawn anew."""
    for name, diagram in (("health", health()), ("admin", admin())):
        pattern = rf"(<!-- {name}: drawn by tools/draw_states.py -->\n).*?(<!-- end of {name} -->)"
        page, found = re.subn(
            pattern, lambda match, text=diagram: match[1] + text + "\n" + match[2], page, flags=re.DOTALL
        )
        assert found == 1, f"{PAGE} has no place for {name}"
    return page


def main() -> int:
    before = PAGE.read_text()
    after = draw(before)
    if "--check" in sys.argv:
        return int(before != after)
    PAGE.write_text(after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
