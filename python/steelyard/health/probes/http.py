"""The probe that sends one HTTP/1.1 request and judges the answer's status code and, if asked to, its body.

Nearly every answer is a whole header in one piece whose status is all that matters: one regular expression reads it.
Everything else is for h11 (RFC 9112), from the first byte on: what comes in parts, interim answers, bodies, and
whatever is not HTTP, so that there is one judge of what is wrong. The connection is closed after one exchange: a probe
is to find out whether a new connection works.
"""

from __future__ import annotations

import re
from functools import lru_cache

import h11

from steelyard.config.model import Probe
from steelyard.config.status_codes import StatusCodes, parse_status_codes
from steelyard.health.probes.bad import BadAnswer

BODY_MAX = 65536
"""Only so much of a body is searched for ``probe.body``."""
HEARD_MAX = 4 * BODY_MAX
"""Only so much of an answer is listened to: a server that sends interim answers without end holds up nobody."""

_AFTER = "\r\nUser-Agent: steelyard-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n"
_FIELDS = rb"(?:(?i:(?!content-length|transfer-encoding)[!#$%&'*+.^_`|~0-9a-z-]+):[\t -~]*\r\n)*+"
_LENGTH = rb"(?i:content-length):[ \t]*[0-9]{1,18}[ \t]*\r\n"
_FINAL = re.compile(
    rb"HTTP/1\.[01] ([2-5][0-9]{2})(?: [\t -~]*)?\r\n" + _FIELDS + b"(?:" + _LENGTH + _FIELDS + rb")?\r\n"
)
"""A whole header of a final answer (RFC 9112 §4, §5) that h11 would take as well. Framing by anything but one plain
Content-Length is left to it. Fields are never given back (``*+``): a header that does not match takes no longer."""


class Opening:
    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self._before = f"{probe.method} {probe.path} HTTP/1.1\r\nHost: "

    def hello(self, host: str) -> bytes:
        host = self.probe.host or ("localhost" if host.startswith("unix:") else host)
        return f"{self._before}{host}{_AFTER}".encode()

    def converse(self) -> Exchange:
        return Exchange(self.probe)


@lru_cache(maxsize=256)
def _expected(status: str) -> StatusCodes:
    return parse_status_codes(status)


class Exchange:
    """One answer."""

    __slots__ = ("_body", "_heard", "_http", "_probe", "_status")

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._http: h11.Connection | None = None
        self._heard = 0
        self._status = 0
        self._body = bytearray()

    def hear(self, data: bytes) -> str | None:
        if self._http is None:
            if not self._probe.body and (plain := _FINAL.match(data)) is not None:
                return self._judge(int(plain[1]))
            self._http = h11.Connection(h11.CLIENT)
            # h11 must know the method, to tell which answers have a body; what it would send is sent already.
            self._http.send(h11.Request(method=self._probe.method, target="/", headers=[("Host", "probe")]))
            self._http.send(h11.EndOfMessage())
        if not data and self._http.their_state is h11.SEND_RESPONSE:
            raise BadAnswer("closed without an answer")
        try:
            self._http.receive_data(data)
            found = self._read(self._http)
        except h11.RemoteProtocolError as error:
            raise BadAnswer(f"not HTTP/1.1: {error}") from error
        self._heard += len(data)
        if found is None and self._heard >= HEARD_MAX:
            raise BadAnswer(f"answered without end: {HEARD_MAX} bytes did not tell")
        return found

    def _read(self, http: h11.Connection) -> str | None:
        """Events as far as they go; interim answers (RFC 9110 §15.2) are passed over."""
        wanted = self._probe.body.encode()
        while (event := http.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.Response):
                found = self._judge(event.status_code)
                if not wanted:
                    return found
                self._status = event.status_code
            elif isinstance(event, h11.Data):
                self._body += event.data
                if wanted in self._body[:BODY_MAX]:
                    return str(self._status)
                if len(self._body) >= BODY_MAX:
                    break
            elif not isinstance(event, h11.InformationalResponse):
                break
        else:
            return None
        raise BadAnswer(f"answered {self._status}, but its body lacks {self._probe.body!r}")

    def _judge(self, status: int) -> str:
        if status not in _expected(self._probe.status):
            raise BadAnswer(f"answered {status}, expected {self._probe.status}")
        return str(status)
