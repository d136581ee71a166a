"""``steelyard schema``: the JSON schema of the configuration, for editors and other programs."""

from __future__ import annotations

from steelyard.cli.options import Json


def schema(json: Json = False) -> None:
    """Print the JSON schema of the configuration file. It is JSON with and without --json."""
    from json import dumps

    from steelyard.config.schema import json_schema

    print(dumps(json_schema(), indent=2))
