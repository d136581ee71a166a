"""Small servers in threads, written apart from the native programs, to judge them by."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 34\r\n\r\n" + b"a steelyard weighs unequal loads.\n"


@contextlib.contextmanager
def serve(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """Accepts connections on a free port and talks on each in a thread of its own; yields the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def one(connection: socket.socket) -> None:
        with connection, contextlib.suppress(ConnectionError):
            talk(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                thread = threading.Thread(target=one, args=(listener.accept()[0],), daemon=True)
                thread.start()
                threads.append(thread)

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for thread in threads:
            thread.join()


def requests(connection: socket.socket) -> Iterator[bytes]:
    """The headers of the requests that arrive on a connection; they have no bodies."""
    waiting = b""
    while received := connection.recv(65536):
        waiting += received
        while b"\r\n\r\n" in waiting:
            head, _, waiting = waiting.partition(b"\r\n\r\n")
            yield head


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))
