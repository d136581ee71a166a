"""``steelyard maintenance``: take servers out altogether."""

from __future__ import annotations

from steelyard.cli.admin_state import change
from steelyard.cli.options import ADMIN_DEFAULT, Admin, Json, Targets


def maintenance(targets: Targets, admin: Admin = ADMIN_DEFAULT, json: Json = False) -> None:
    """Take servers out: no clients at all, bound ones neither. Running requests end by themselves."""
    change(admin, targets, "maintenance", json=json)
