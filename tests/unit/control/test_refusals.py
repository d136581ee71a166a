"""What is told of refusals: only what is new, with the total."""

from __future__ import annotations

from steelyard.control.refusals import Refusals, news


def test_only_what_is_new_is_news() -> None:
    before = {"www": {"bad-host": 3, "bad-target": 1}, "gone": {"bad-host": 9}}
    after = {"www": {"bad-host": 5, "bad-target": 1, "bare-line-feed": 2}, "new": {"queue-full": 1}}
    assert list(news(before, after)) == [
        ("www", "bad-host", 2, 5),
        ("www", "bare-line-feed", 2, 2),
        ("new", "queue-full", 1, 1),
    ]


def test_a_service_that_went_and_came_again_starts_anew() -> None:
    assert list(news({"www": {"bad-host": 30}}, {"www": {"bad-host": 2}})) == [("www", "bad-host", 2, 2)]


def test_it_tells_once_and_then_what_came_since() -> None:
    told: list[tuple[str, str]] = []
    refusals = Refusals(lambda service, message: told.append((service, message)))
    for count in (0, 1, 1, 1000):
        refusals.see({"www": {"bad-host": count}})
    assert told == [("www", "bad-host once, 1 since the start"), ("www", "bad-host 999 times, 1000 since the start")]
