"""``steelyard events``: what happens, as it happens."""

from __future__ import annotations

import sys
from contextlib import suppress

from steelyard.cli.options import ADMIN_DEFAULT, Admin, Json, connect


def events(admin: Admin = ADMIN_DEFAULT, json: Json = False) -> None:
    """Follow what happens: health, drains, reloads. One line each, until Ctrl-C or the balancer ends."""
    from steelyard.cli.lines import event_line
    from steelyard.cli.output import colors

    colored = colors(sys.stdout)
    with suppress(KeyboardInterrupt), connect(admin) as client:
        for event in client.events():
            print(event.model_dump_json() if json else event_line(event, colored=colored), flush=True)
