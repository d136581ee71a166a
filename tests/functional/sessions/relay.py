"""A relay before a real server that can hold a reply back, whole or cut anywhere: a slow server, byte by byte."""

from __future__ import annotations

import socket
import threading


class Relay:
    """Listens on a port of its own and passes everything on, until it is told to hold replies back."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._let_through: int | None = None
        self._released = threading.Event()
        self.held = threading.Event()
        """Set once something is held back."""
        threading.Thread(target=self._accept, daemon=True).start()

    def hold_after(self, length: int) -> None:
        """From the next reply on, let through so many bytes and keep the rest."""
        self._released.clear()
        self.held.clear()
        self._let_through = length

    def release(self) -> None:
        """Send what was held, and pass everything on again."""
        self._let_through = None
        self._released.set()

    def close(self) -> None:
        self.release()
        self._listener.shutdown(socket.SHUT_RDWR)  # or a thread in accept() would stay there
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._to))
            threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, replies: bool) -> None:
        try:
            while data := source.recv(65536):
                at = self._let_through if replies else None
                if at is not None:
                    target.sendall(data[:at])
                    self.held.set()
                    self._released.wait()
                    data = data[at:]
                target.sendall(data)
        except OSError:
            pass
        finally:
            for each in (source, target):
                each.close()
