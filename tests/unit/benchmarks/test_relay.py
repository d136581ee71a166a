"""The relay copies bytes exactly, both ways, also where one side reads slowly or ends first."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Iterator

from benchmarks.load import announced_port
from benchmarks.processes import Room
from tests.unit.benchmarks.servers import read_all, serve

MANY = random.Random(1).randbytes(3_000_001)
OTHER = random.Random(2).randbytes(2_000_003)


@contextlib.contextmanager
def relayed(room: Room, upstream_port: int) -> Iterator[socket.socket]:
    process = room.start("relay", room.proxy_core, [room.programs.relay, str(upstream_port)], talk=True)
    with socket.create_connection(("127.0.0.1", announced_port(process)), timeout=20) as client:
        yield client


def test_both_directions_at_once_and_the_end_of_each(room: Room) -> None:
    received: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        sender = threading.Thread(target=connection.sendall, args=(OTHER,))
        sender.start()
        received.append(read_all(connection))
        sender.join()

    with serve(talk) as port, relayed(room, port) as client:
        sender = threading.Thread(target=lambda: (client.sendall(MANY), client.shutdown(socket.SHUT_WR)))
        sender.start()
        answer = read_all(client)
        sender.join()
    assert received == [MANY]
    assert answer == OTHER


def test_an_upstream_that_ends_first_loses_nothing(room: Room) -> None:
    with serve(lambda connection: connection.sendall(MANY)) as port, relayed(room, port) as client:
        assert read_all(client) == MANY


def test_many_small_exchanges_on_one_connection(room: Room) -> None:
    def echo(connection: socket.socket) -> None:
        while received := connection.recv(4096):
            connection.sendall(received)

    with serve(echo) as port, relayed(room, port) as client:
        for number in range(500):
            message = f"message {number}".encode()
            client.sendall(message)
            assert client.recv(4096) == message


def test_a_server_that_is_not_there_closes_the_connection_and_the_relay_goes_on(room: Room) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound but not listening: refused
        process = room.start("relay", room.proxy_core, [room.programs.relay, str(closed.getsockname()[1])], talk=True)
        port = announced_port(process)
        for _ in range(3):
            with (
                socket.create_connection(("127.0.0.1", port), timeout=20) as client,
                contextlib.suppress(ConnectionError),
            ):
                assert client.recv(1) == b""
