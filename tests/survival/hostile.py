"""Hostile bytes, generated: requests and replies built from the tricks of request smuggling, then mutated. Pure.

The catalogue is that of published desync research (CL.TE, TE.CL, TE.TE, chunk extensions, bare line ends, folded lines,
hop-by-hop abuse), combined at random; the seed that is printed with a failure makes the same bytes again.
"""

from __future__ import annotations

from random import Random

LENGTHS = (
    b"5",
    b"0",
    b"+5",
    b"-1",
    b"0x5",
    b"5, 5",
    b"5,6",
    b"",
    b" 5",
    b"1_0",
    b"18446744073709551621",
    b"00005",
    b"5 ",
    b"5;",
)
CODINGS = (
    *(b"chunked", b"Chunked", b"identity", b"xchunked", b"", b"chunked, chunked", b"chunked, gzip", b",chunked"),
    *(b"chunked,", b"\x0bchunked", b"chunked\x00", b"chunked;x", b"gzip, chunked", b"chunked\t", b'"chunked"'),
)
NAMES = (
    b"Content-Length",
    b"Transfer-Encoding",
    b"content_length",
    b"Transfer_Encoding",
    b"Content-Length ",
    b" Transfer-Encoding",
)
ENDS = (b"\r\n",) * 12 + (b"\n", b"\r", b"\r\r\n", b"\r\n ", b"\r\n\t")
FIELDS = (
    *(
        b"Connection: close",
        b"Connection: keep-alive",
        b"Connection: content-length",
        b"Connection: host, x-forwarded-for",
    ),
    *(
        b"Expect: 100-continue",
        b"Expect: x",
        b"Upgrade: websocket\r\nConnection: upgrade",
        b"Upgrade: h2c",
        b"TE: trailers",
    ),
    *(
        b"X-Forwarded-For: 1.2.3.4",
        b"Host: two",
        b"X: \x00",
        b"X: a\rb",
        b"X: a\nb",
        b": empty",
        b"no colon",
        b"X : y",
        b"X:\xa0",
    ),
    *(
        b"Trailer: Content-Length",
        b"Cookie: SRV=x",
        b"Keep-Alive: timeout=5",
        b"Content-Length: 5\r\nContent-Length: 6",
    ),
)
SPECIAL = b'\r\n\0 \t:,;0129abcfgxGHT/\x0b\x0c\x7f\x80\xff"%#'
METHODS = (
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"TRACE",
    b"GET",
    b"POST",
    b"CONNECT",
    b"get",
    b"G\x00T",
    b"PRI",
)
VERSIONS = (b"HTTP/1.1",) * 10 + (b"HTTP/1.0", b"HTTP/1", b"HTTP/2.0", b"http/1.1", b"HTTP/01.1", b"HTTP/1.1 ", b"")


def chunked(rng: Random, body: bytes) -> bytes:
    """A chunked body, often with a trick in it."""
    out, rest = b"", body
    while rest:
        size = rng.randint(1, len(rest))
        header = rng.choice(
            (b"%x", b"%X", b"0%x", b"%x;a=b", b"%x;", b"0x%x", b"+%x", b"%x ", b" %x", b"%x;\n", b"%x") + (b"%x",) * 12
        )
        out += (
            header % size + rng.choice(ENDS) + rest[:size] + rng.choice((b"\r\n",) * 12 + (b"", b"\n", b"\r\nX", b"XX"))
        )
        rest = rest[size:]
    trailer = rng.choice((b"", b"", b"", b"A: b\r\n", b"Authorization: x\r\n", b"Host: x\r\n", b"bad\r\n", b"X: y\n"))
    return out + rng.choice((b"0", b"0", b"0", b"00", b"0;x", b"-0", b"")) + b"\r\n" + trailer + b"\r\n"


def request(rng: Random, name: str) -> bytes:
    """One request whose target is ``/name``; its body hides another, ``/smuggled-name``."""
    hidden = f"GET /smuggled-{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    target = rng.choice(
        (f"/{name}", f"/{name}", f"/{name}", f"http://x/{name}", f"/{name}#x", f"//{name}", f"/{name}%00", "*")
    )
    lines = [rng.choice(METHODS) + b" " + target.encode() + b" " + rng.choice(VERSIONS)]
    lines += rng.choice(([b"Host: x"], [b"Host: x"], [b"Host: x"], [b"Host: x"], [], [b"Host: a@b"], [b"Host: x y"]))
    body = rng.choice((b"", b"", b"hello", hidden, b"0\r\n\r\n" + hidden))
    match rng.randrange(7):
        case 0:
            lines.append(b"Content-Length: %d" % len(body))
        case 1:
            lines.append(b"Transfer-Encoding: chunked")
            body = chunked(rng, body)
        case 2:
            lines.append(rng.choice(NAMES) + b": " + rng.choice(LENGTHS + CODINGS))
        case 3:
            lines += [b"Content-Length: %d" % len(body), b"Transfer-Encoding: " + rng.choice(CODINGS)]
            body = rng.choice((body, chunked(rng, body)))
        case 4:
            lines += [b"Transfer-Encoding: " + rng.choice(CODINGS), b"Transfer-Encoding: " + rng.choice(CODINGS)]
            body = chunked(rng, body)
        case 5:
            lines.append(b"Transfer-Encoding:" + rng.choice((b"", b"\t", b" \t", b"\r\n ")) + b"chunked")
            body = chunked(rng, body)
        case _:
            pass
    lines += rng.sample(FIELDS, rng.choice((0, 0, 1, 2)))
    if rng.random() < 0.3:
        lines[1:] = rng.sample(lines[1:], len(lines) - 1)
    clean = rng.random() < 0.7
    head = b"".join(line + (b"\r\n" if clean else rng.choice(ENDS)) for line in lines) + b"\r\n"
    return head + body


def reply(rng: Random, mark: bytes) -> bytes:
    """One reply whose body carries ``mark``, and what may come after it."""
    body = rng.choice((b"", b"body ", b"x" * 3000)) + mark
    status = rng.choice(
        (b"200 OK",) * 8
        + (b"204 No Content", b"304 Not Modified", b"101 Switching", b"99 x", b"2000 OK", b"200", b"abc x")
    )
    version = rng.choice((b"HTTP/1.1",) * 10 + (b"HTTP/1.0", b"HTTP/2", b"HTP/1.1"))
    lines = [version + b" " + status]
    match rng.randrange(6):
        case 0 | 1:
            lines.append(b"Content-Length: %d" % len(body))
        case 2:
            lines.append(b"Transfer-Encoding: chunked")
            body = chunked(rng, body)
        case 3:
            lines.append(rng.choice(NAMES) + b": " + rng.choice(LENGTHS + CODINGS))
        case 4:
            lines += [
                b"Content-Length: %d" % rng.choice((len(body), 3, len(body) + 9)),
                b"Transfer-Encoding: " + rng.choice(CODINGS),
            ]
        case _:
            pass
    lines += rng.sample(
        (b"Connection: close", b"X: \x00", b"X: a\rb", b"no colon", b"Set-Cookie: a=b", b" folded"),
        rng.choice((0, 0, 0, 1)),
    )
    head = b"".join(line + (b"\r\n" if rng.random() < 0.97 else rng.choice(ENDS)) for line in lines) + b"\r\n"
    before = rng.choice((b"",) * 10 + (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early\r\n\r\n" * 3, b"\r\n"))
    after = rng.choice((b"",) * 6 + (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", b"junk"))
    return before + head + body + after


def mutate(rng: Random, data: bytes) -> bytes:
    """The same with a few bytes changed, left out, doubled or put in, seldom more."""
    out = bytearray(data)
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 5))):
        at = rng.randrange(len(out) + 1)
        match rng.randrange(4):
            case 0:
                out[at:at] = bytes([rng.choice(SPECIAL)])
            case 1:
                del out[at : at + rng.choice((1, 1, 2, 9))]
            case 2:
                out[at : at + 1] = bytes([rng.choice(SPECIAL)])
            case _:
                out[at:at] = out[at : at + rng.randint(1, 20)]
    return bytes(out)


def pieces(rng: Random, data: bytes) -> list[bytes]:
    """The bytes in the pieces in which they are sent."""
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice((0, 0, 1, 3))))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True) if start != end]
