"""``steelyard reload``: have the running balancer read its file again."""

from __future__ import annotations

from steelyard.cli.options import ADMIN_DEFAULT, Admin, Json, connect
from steelyard.cli.output import print_json, say


def reload(admin: Admin = ADMIN_DEFAULT, json: Json = False) -> None:
    """Have the balancer read its file again. A file with faults changes nothing; they are listed (exit status 2)."""
    with connect(admin) as client:
        changes = client.reload()
    if json:
        print_json({"changes": list(changes)})
    else:
        say(
            "\n".join(["reloaded:", *(f"  {change}" for change in changes)]) if changes else "reloaded: nothing changed"
        )
