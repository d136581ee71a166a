import typing

import pytest

from steelyard.config.model import Algorithm, Mode
from steelyard.config.needs import GIVES, NEEDS, reads_weights, weighing

native = pytest.importorskip("steelyard._native")


def test_what_algorithms_need_is_what_native_code_says() -> None:
    assert {name: set(needs) for name, needs in NEEDS.items()} == {
        name: set(needs) for name, needs in native.algorithm_needs().items()
    }


def test_every_algorithm_and_every_mode_has_a_row() -> None:
    assert set(NEEDS) == set(typing.get_args(Algorithm))
    assert set(GIVES) == set(typing.get_args(Mode))


def test_who_reads_weights() -> None:
    assert weighing() == (
        "weighted-round-robin",
        "weighted-least-connections",
        "weighted-random",
        "maglev",
        "power-of-two",
    )
    assert not reads_weights("source-hash")


def test_every_mode_feeds_every_algorithm() -> None:
    starved = {(mode, name) for mode, gives in GIVES.items() for name, needs in NEEDS.items() if needs - gives}
    assert starved == set(), "such a pair needs a rule in config.rules.services that refuses it"
