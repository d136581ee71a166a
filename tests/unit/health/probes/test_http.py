"""What the HTTP probe makes of bytes, without a socket."""

from __future__ import annotations

import pytest

from steelyard.config.model import Probe
from steelyard.health.probes.bad import BadAnswer
from steelyard.health.probes.http import HEARD_MAX, Opening


@pytest.mark.parametrize(
    ("piece", "body"),
    [(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" * 10, ""), (b"1;a=b\r\nx\r\n" * 10, "wanted")],
    ids=["interim answers", "chunks of one byte"],
)
def test_an_answer_without_end_is_left(piece: bytes, body: str) -> None:
    exchange = Opening(Probe(body=body)).converse()
    if body:
        assert exchange.hear(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") is None
    for _ in range((HEARD_MAX - 1) // len(piece) - 1):
        assert exchange.hear(piece) is None
    with pytest.raises(BadAnswer, match=rf"^answered without end: {HEARD_MAX} bytes did not tell$"):
        exchange.hear(piece * 2)
