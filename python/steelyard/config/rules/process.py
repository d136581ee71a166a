"""What must hold for the admin API, the log and the process."""

from __future__ import annotations

from collections.abc import Iterator

from steelyard.config.finding import Finding
from steelyard.config.model import Config, Log
from steelyard.config.types import is_loopback


def findings(config: Config) -> Iterator[Finding]:
    if config.admin.token is None and not is_loopback(config.admin.listen):
        message = f"expected a token, because {config.admin.listen} can be reached from other machines, found none"
        cure = 'add token = { env = "STEELYARD_TOKEN" } to [admin], or listen on 127.0.0.1'
        yield Finding(("admin", "listen"), message, cure, reads=(("admin", "token"),))
    if config.log.access == "off" and config.log.format != Log.model_fields["format"].default:
        cure = 'set access to "stdout" or to the path of a file, or leave it out'
        message = "no effect: no access log is written"
        yield Finding(("log", "format"), message, cure, "warning", "key", (("log", "access"),))
