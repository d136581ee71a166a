"""Writes docs/sessions/reference.md from the docstrings of ``Settings``: ``python tools/sessions_reference.py``."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

from steelyard.sessions import settings

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "python" / "steelyard" / "sessions" / "settings.py"
PAGE = ROOT / "docs" / "sessions" / "reference.md"
HEAD = """# Settings of sessions

Arguments of `SessionMiddleware`, `WSGISessionMiddleware` and Flask's `Sessions`, and the keys of Django's
`SESSION_STORE_OPTIONS`. Times are seconds. Made by `python tools/sessions_reference.py`
from `steelyard.sessions.Settings`.

| name | type | default | what it is |
|---|---|---|---|
"""


def page() -> str:
    """The whole page. Read from the source, since the docstrings of fields do not exist at run time."""
    tree = ast.parse(SOURCE.read_text())
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings")
    rows = []
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            doc = _text(after) if isinstance(after, ast.Expr) else ""
            cells = (ast.unparse(node.target), _type(ast.unparse(node.annotation)), _default(node.value))
            rows.append(f"| {' | '.join(f'`{cell}`' for cell in cells)} | {doc} |\n")
    return HEAD + "".join(rows).replace("``", "`")


def _text(node: ast.Expr) -> str:
    return " ".join(str(ast.literal_eval(node.value)).split()).replace("|", "\\|")


def _type(name: str) -> str:
    """The type; of a choice, what there is to choose from."""
    choices = get_args(getattr(settings, name, None))
    return " or ".join(f'"{choice}"' for choice in choices) or name


def _default(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return next(
            ast.unparse(word.value) + ("()" if word.arg == "default_factory" else "")
            for word in node.keywords
            if word.arg in ("default", "default_factory")
        )
    return ast.unparse(node)


if __name__ == "__main__":
    PAGE.write_text(page())
