"""``steelyard ready``: take servers back after drain or maintenance."""

from __future__ import annotations

from steelyard.cli.admin_state import change
from steelyard.cli.options import ADMIN_DEFAULT, Admin, Json, Targets


def ready(targets: Targets, admin: Admin = ADMIN_DEFAULT, json: Json = False) -> None:
    """Take servers back after drain or maintenance."""
    change(admin, targets, "ready", json=json)
