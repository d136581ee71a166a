"""What a strict reader makes of bytes: h11 as the oracle written by others, and our own rules for what we send.

h11 forgives some things that we refuse (a bare line feed, a folded line); what matters is the other direction: what we
let through it must read the same way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import h11

FIELD = re.compile(rb"^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[ \t]?[\t\x20-\x7e\x80-\xff]*$")
REQUEST_LINE = re.compile(rb"^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [\x21-\x7e]+ HTTP/1\.1$")
OURS = {b"content-length", b"transfer-encoding", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"}
"""Fields that some servers would take for these where underscores stand for hyphens."""
LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Seen:
    """One request, as far as forwarding must not change it."""

    method: bytes
    target: bytes
    body: bytes


class Unjudged(Exception):
    """h11 judges framing fields in a trailer section too, where they mean nothing and are dropped (RFC 9110 §6.5.1)."""


def requests(data: bytes) -> list[Seen]:
    """The requests that h11 reads in what a client sent, up to the first that it refuses or that is not whole."""
    found: list[Seen] = []
    while True:
        # One empty line before a request is to be ignored (RFC 9112 §2.2), which h11 does not do.
        one = _request(data.removeprefix(b"\r\n"))
        if one is None:
            return found
        seen, rest, lasting = one
        found.append(seen)
        if not lasting:
            return found
        data = rest


def _request(data: bytes) -> tuple[Seen, bytes, bool] | None:
    """The first request, what follows it, and whether the connection goes on; None when there is none that is whole."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LIMIT)
    connection.receive_data(data)
    connection.receive_data(b"")
    try:
        head, body = connection.next_event(), b""
        if not isinstance(head, h11.Request):
            return None
        try:
            while isinstance(event := connection.next_event(), h11.Data):
                body += event.data
        except h11.RemoteProtocolError as error:
            if "Content-Length" in str(error):
                raise Unjudged from None
            return None
        if not isinstance(event, h11.EndOfMessage):
            return None
        connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
        connection.send(h11.EndOfMessage())
    except (h11.RemoteProtocolError, h11.LocalProtocolError):
        return None
    # h11 keeps no connection for HTTP/1.0; a gateway may, where the client asks for it (RFC 9112 §9.3).
    asked = head.http_version == b"1.0" and (b"connection", b"keep-alive") in head.headers
    lasting = asked or connection.our_state is not h11.MUST_CLOSE
    return Seen(head.method, normal(head.target), body), connection.trailing_data[0], lasting


def reply(data: bytes, method: str = "GET") -> tuple[int, bytes] | None:
    """Status and body of the reply that h11 reads in what a server sent before it closed; None when it refuses it."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LIMIT)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    connection.receive_data(b"")
    try:
        while isinstance(head := connection.next_event(), h11.InformationalResponse):
            pass
        if not isinstance(head, h11.Response):
            return None
        body = b""
        while isinstance(event := connection.next_event(), h11.Data):
            body += event.data
    except h11.RemoteProtocolError:
        return None
    return (head.status_code, body) if isinstance(event, h11.EndOfMessage) else None


def normal(target: bytes) -> bytes:
    """Absolute-form and origin-form of one target compare equal (RFC 9112 §3.2.2)."""
    return re.sub(rb"^[Hh][Tt][Tt][Pp]://[^/?#]*", b"", target) or b"/"


def head_faults(head: bytes) -> list[str]:
    """What is wrong with the head of a request that we forwarded: nothing, ever."""
    faults = []
    request_line, *fields = head.split(b"\r\n")
    if not REQUEST_LINE.match(request_line):
        faults.append(f"request line {request_line!r}")
    faults += [f"field {field!r}" for field in fields if not FIELD.match(field)]
    values: dict[bytes, list[bytes]] = {}
    for name, _, value in (field.partition(b":") for field in fields):
        values.setdefault(name.lower(), []).append(value.strip(b" \t"))
    if len(values.get(b"host", [])) != 1:
        faults.append("not exactly one Host")
    framing = values.get(b"content-length", []) + values.get(b"transfer-encoding", [])
    if len(framing) > 1 or (framing and framing[0] != b"chunked" and not framing[0].isdigit()):
        faults.append(f"framing {framing!r}")
    faults += [f"alias {name!r}" for name in values if name.replace(b"_", b"-") in OURS and b"_" in name]
    return faults
