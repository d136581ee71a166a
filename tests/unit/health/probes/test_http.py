"""What the HTTP probe makes of bytes, without a socket."""

from __future__ import annotations

import pytest

from steelyard.config.model import Probe
from steelyard.health.probes.bad import BadAnswer
from steelyard.health.probes.http import HEARD_MAX, Exchange, Opening


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


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 2\r\nDate: now\r\n\r\nok",
        b"HTTP/1.0 404\r\n\r\n",
        b"HTTP/1.1 503 \r\nCONTENT-LENGTH:\t0\t\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nServer : x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nServer: \x00\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
    ],
)
def test_an_answer_in_one_piece_is_judged_as_one_in_two(answer: bytes) -> None:
    """The regular expression reads the one, h11 the other."""
    whole, parts = (Opening(Probe()).converse() for _ in range(2))
    assert parts.hear(answer[:1]) is None
    assert judged(whole, answer) == judged(parts, answer[1:])


def judged(exchange: Exchange, data: bytes) -> str | None:
    try:
        return exchange.hear(data)
    except BadAnswer as bad:
        return f"bad: {bad}"
