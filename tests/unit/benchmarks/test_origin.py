"""The origin answers as it says, one request after the other, whole or in pieces."""

from __future__ import annotations

import http.client
import socket

import pytest

from benchmarks.load import LARGE_BODY, SMALL_BODY, start_origin
from benchmarks.processes import Room


def connect(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=20)


@pytest.mark.parametrize(("path", "length"), [("/", SMALL_BODY), ("/large", LARGE_BODY), ("/delay/5", SMALL_BODY)])
def test_bodies_have_their_length_on_a_connection_that_stays(room: Room, path: str, length: int) -> None:
    client = connect(start_origin(room))
    for _ in range(3):
        client.request("GET", path)
        answer = client.getresponse()
        assert (answer.status, len(answer.read())) == (200, length)
    client.close()


def test_pipelined_requests_are_answered_in_their_order(room: Room) -> None:
    with socket.create_connection(("127.0.0.1", start_origin(room)), timeout=20) as client:
        paths = ["/", "/delay/20", "/large", "/"]
        client.sendall("".join(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n" for path in paths).encode())
        lengths = []
        with client.makefile("rb") as stream:
            for _ in paths:
                head = http.client.parse_headers(stream) if stream.readline() == b"HTTP/1.1 200 OK\r\n" else {}
                lengths.append(len(stream.read(int(head["Content-Length"]))))
    assert lengths == [SMALL_BODY, SMALL_BODY, LARGE_BODY, SMALL_BODY]


def test_a_request_may_come_byte_by_byte(room: Room) -> None:
    with socket.create_connection(("127.0.0.1", start_origin(room)), timeout=20) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"GET / HTTP/1.1\r\nHost: a\r\n\r\n":
            client.send(bytes([byte]))
        assert client.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")


def test_it_stands_for_every_loopback_address(room: Room) -> None:
    port = start_origin(room)
    for address in ("127.0.0.1", "127.1.0.1", "127.1.39.250"):
        with socket.create_connection((address, port), timeout=20) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
