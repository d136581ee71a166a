"""Whatever is sent to the API, the answer is one that its OpenAPI document names: never a 500, always problem+json."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelyard.admin.api import create_app
from tests.unit.admin.fake import FakeBalancer

APP = create_app(FakeBalancer())
DOCUMENT: dict[str, Any] = APP.openapi()
OPERATIONS = [
    (method, path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if path != "/v1/events"
]

NAMES = st.sampled_from(["web", "a", "b"]) | st.text(st.characters(codec="utf-8"), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
WORDS = ("address", "id", "weight", "backup", "max_connections", "admin", "algorithm", "drain", "10.0.0.1:80", "a:1")
BODIES = VALUES | st.dictionaries(st.sampled_from(WORDS), VALUES | st.sampled_from(WORDS), max_size=4)


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=[f"{m} {p}" for m, p, _ in OPERATIONS])
@given(data=st.data())
@settings(max_examples=40, deadline=None)
async def test_every_answer_is_documented(
    method: str, path: str, operation: dict[str, Any], data: st.DataObject
) -> None:
    query: dict[str, str] = {}
    for parameter in operation.get("parameters", []):
        value = data.draw(NAMES, parameter["name"])
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(value, safe=""))
        elif value or parameter["required"]:
            query[parameter["name"]] = value
    body = data.draw(BODIES, "body") if "requestBody" in operation else None
    APP.state.balancer = FakeBalancer()
    transport = httpx.ASGITransport(APP, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.request(
            method, path, params=query or None, json=body, headers={"Content-Type": "application/json"}
        )
    if answer.is_error:
        assert answer.status_code < 500, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert {"place", "cause", "cure"} <= answer.json().keys()
    else:
        assert str(answer.status_code) in operation["responses"], answer.status_code
