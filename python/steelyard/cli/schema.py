"""``steelyard schema``: the JSON schema of the configuration, for editors and other programs."""

from __future__ import annotations


def schema() -> None:
    """Print the JSON schema of the configuration file."""
    import json

    from steelyard.config.schema import json_schema

    print(json.dumps(json_schema(), indent=2))
