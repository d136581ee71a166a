"""The OpenAPI document: complete, true to the shapes, and nothing in it leads outside."""

from __future__ import annotations

from typing import Any

import pytest

from steelyard.admin.api import create_app
from steelyard.admin.openapi import EXAMPLES
from tests.unit.admin.fake import FakeBalancer

DOCUMENT: dict[str, Any] = create_app(FakeBalancer()).openapi()
OPERATIONS = [
    (method, path, operation) for path, item in DOCUMENT["paths"].items() for method, operation in item.items()
]


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=[f"{m} {p}" for m, p, _ in OPERATIONS])
def test_every_operation_is_described(method: str, path: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"]
    assert "application/problem+json" in operation["responses"]["default"]["content"]
    assert all(parameter["description"] for parameter in operation.get("parameters", []))
    assert all(
        "example" in str(parameter["schema"]) or parameter.get("examples")
        for parameter in operation.get("parameters", [])
    )


def test_every_reference_leads_somewhere() -> None:
    def references(part: object) -> set[str]:
        if isinstance(part, dict):
            own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
            return own.union(*(references(value) for value in part.values()))
        return set().union(*(references(value) for value in part)) if isinstance(part, list) else set()

    for reference in references(DOCUMENT):
        assert reference.removeprefix("#/components/schemas/") in DOCUMENT["components"]["schemas"]


def test_every_shape_of_ours_has_an_example_that_is_valid() -> None:
    for example in EXAMPLES:
        schema = DOCUMENT["components"]["schemas"][type(example).__name__]
        assert type(example).model_validate(schema["examples"][0]) == example


def test_no_page_loads_anything_from_elsewhere() -> None:
    app = create_app(FakeBalancer())
    assert (app.docs_url, app.redoc_url) == (None, None)
