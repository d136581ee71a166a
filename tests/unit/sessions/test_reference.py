"""The page of settings is as the settings are."""

from __future__ import annotations

import dataclasses

from tools import sessions_reference

from steelyard.sessions import Settings


def test_the_page_is_up_to_date() -> None:
    assert sessions_reference.PAGE.read_text() == sessions_reference.page(), "run python tools/sessions_reference.py"


def test_every_setting_is_on_it_and_explained() -> None:
    rows = {row.split("`")[1]: row for row in sessions_reference.page().splitlines() if row.startswith("| `")}
    assert list(rows) == [field.name for field in dataclasses.fields(Settings)]
    assert not [name for name, row in rows.items() if row.endswith("|  |")]
