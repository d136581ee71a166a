"""The generator counts what really happened: its numbers are held against those of a server that counts too."""

from __future__ import annotations

import itertools
import socket
import threading

import pytest

from benchmarks.load import LARGE_BODY, Load, generator, parse_load, start_origin
from benchmarks.processes import ProcessError, Room
from tests.unit.benchmarks.servers import OK, requests, serve

CONNECTIONS = 8


class Counting:
    """Answers every request, and counts them; ``wrong`` says which get something else."""

    def __init__(self, wrong: dict[int, bytes] | None = None) -> None:
        self.number = itertools.count(1)
        self.lock = threading.Lock()
        self.seen = 0
        self.wrong = wrong or {}

    def talk(self, connection: socket.socket) -> None:
        for head in requests(connection):
            assert head.startswith(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            with self.lock:
                self.seen = next(self.number)
                answer = self.wrong.get(self.seen, OK)
            if not answer:
                return
            connection.sendall(answer)


def drive(room: Room, server: Counting, seconds: float, rate: float | None = None) -> Load:
    with serve(server.talk) as port, generator(room, port, connections=CONNECTIONS) as load:
        return load.go(seconds, rate)


def test_a_closed_loop_counts_every_answer(room: Room) -> None:
    server = Counting()
    found = drive(room, server, 0.2)
    assert found.errors == 0
    assert found.requests == server.seen - CONNECTIONS > 0


def test_an_open_loop_sends_what_the_rate_says(room: Room) -> None:
    server = Counting()
    found = drive(room, server, 0.5, 200)
    assert (found.requests, found.errors, server.seen) == (100, 0, 100 + CONNECTIONS)
    assert 0 < found.p50_us <= found.p90_us <= found.p99_us <= found.p999_us <= found.max_us


@pytest.mark.parametrize(
    "answer",
    [
        OK.replace(b"200 OK", b"503 Service Unavailable"),
        OK.replace(b"content-length: 34", b"content-length: 33"),
        OK.replace(b"content-length: 34", b"x-no-length: 34"),
        OK + b"x",
        b"",
    ],
    ids=["status", "length", "no-length", "too-much", "closed"],
)
def test_a_wrong_answer_is_an_error_and_the_run_goes_on(room: Room, answer: bytes) -> None:
    server = Counting({CONNECTIONS + 3: answer, CONNECTIONS + 50: answer})
    found = drive(room, server, 0.5, 200)
    assert (found.requests, found.errors) == (98, 2)


def test_a_latency_counts_from_the_time_the_request_was_due(room: Room) -> None:
    """One connection and an answer that takes 50 ms: at 100 requests a second the backlog grows, and must be seen."""
    with generator(room, start_origin(room), path="/delay/50", connections=1) as load:
        found = load.go(0.5, 100)
    assert (found.requests, found.errors) == (50, 0)
    # The last was due after 490 ms and cannot be answered before 50 × 50 ms have passed, on however fast a machine;
    # counted from its sending it would be 50 ms.
    assert found.max_us > 1_900_000


def test_large_bodies_are_counted_to_their_last_byte(room: Room) -> None:
    with generator(room, start_origin(room), path="/large", length=LARGE_BODY, connections=3) as load:
        found = load.go(0.2)
    assert found.requests > 0
    assert found.errors == 0


def test_rounds_follow_each_other_on_the_same_connections(room: Room) -> None:
    server = Counting()
    with serve(server.talk) as port, generator(room, port, connections=CONNECTIONS) as load:
        totals = [load.go(0.1, 200).requests for _ in range(3)]
    assert totals == [20, 20, 20]
    assert server.seen == 60 + CONNECTIONS


def test_a_server_that_is_wrong_from_the_start_is_refused(room: Room) -> None:
    server = Counting({1: OK.replace(b"200 OK", b"404 Not Found")})
    with (
        serve(server.talk) as port,
        pytest.raises(ProcessError, match=r"wrong answer to the first request: HTTP/1\.1 404"),
        generator(room, port, connections=1),
    ):
        pytest.fail("the generator must not be ready")


def test_its_line_is_read_by_name() -> None:
    found = parse_load('{"requests": 10, "errors": 1, "seconds": 2.5, "latency_us": [1.0, 2.0, 3.0, 4.0, 5.0]}')
    assert found == Load(10, 1, 2.5, 1.0, 2.0, 3.0, 4.0, 5.0)
    assert found.per_second == 4.0
