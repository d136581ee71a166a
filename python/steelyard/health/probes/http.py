"""The probe that sends one HTTP/1.1 request and judges the answer's status code and, if asked to, its body.

h11 speaks the protocol (RFC 9112); the bytes move over the loop's socket calls, as in ``tcp``. The connection is closed
after one exchange: a probe is to find out whether a new connection works.
"""

from __future__ import annotations

import asyncio
import socket
from functools import lru_cache

import h11

from steelyard.config.status_codes import StatusCodes, parse_status_codes
from steelyard.control.state import Target
from steelyard.health.probes.bad import BadAnswer
from steelyard.health.probes.tcp import open_socket

BODY_MAX = 65536
"""Only so much of a body is searched for ``probe.body``."""
READ_SIZE = 65536


async def exchange(target: Target) -> str:
    probe = target.probe
    connection = h11.Connection(h11.CLIENT)
    with await open_socket(target.address) as opened:
        await asyncio.get_running_loop().sock_sendall(opened, _request(connection, target))
        try:
            status = await _status(connection, opened)
            if status not in _expected(probe.status):
                raise BadAnswer(f"answered {status}, expected {probe.status}")
            if probe.body and not await _body_has(connection, opened, probe.body.encode()):
                raise BadAnswer(f"answered {status}, but its body lacks {probe.body!r}")
        except h11.RemoteProtocolError as error:
            raise BadAnswer(f"not HTTP/1.1: {error}") from error
    return str(status)


@lru_cache(maxsize=256)
def _expected(status: str) -> StatusCodes:
    return parse_status_codes(status)


def _request(connection: h11.Connection, target: Target) -> bytes:
    probe = target.probe
    host = probe.host or ("localhost" if target.host.startswith("unix:") else target.host)
    fields = [("Host", host), ("User-Agent", "steelyard-probe"), ("Accept", "*/*"), ("Connection", "close")]
    head = connection.send(h11.Request(method=probe.method, target=probe.path, headers=fields))
    end = connection.send(h11.EndOfMessage())
    return (head or b"") + (end or b"")


async def _status(connection: h11.Connection, opened: socket.socket) -> int:
    """The final status code; interim answers (RFC 9110 §15.2) are passed over."""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            await _feed(connection, opened)
        elif isinstance(event, h11.Response):
            return event.status_code
        elif isinstance(event, h11.ConnectionClosed):
            raise BadAnswer("closed without an answer")


async def _body_has(connection: h11.Connection, opened: socket.socket, wanted: bytes) -> bool:
    body = bytearray()
    while len(body) < BODY_MAX:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            await _feed(connection, opened)
        elif isinstance(event, h11.Data):
            body += event.data
        else:
            break
        if wanted in body[:BODY_MAX]:
            return True
    return False


async def _feed(connection: h11.Connection, opened: socket.socket) -> None:
    received = await asyncio.get_running_loop().sock_recv(opened, READ_SIZE)
    if not received and connection.their_state is h11.SEND_RESPONSE:
        raise BadAnswer("closed without an answer")
    connection.receive_data(received)
