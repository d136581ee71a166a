"""The marks of cookie affinity: opaque, keyed, never an address. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac


def mark(key: bytes, pool: str, server: str) -> str:
    """The opaque name of a server in a client's cookie: HMAC-SHA-256 truncated to 128 bits (RFC 2104 §5), base64url.

    It depends on the key and on the names alone, so it survives reloads and is the same on every balancer of one key.
    """
    digest = hmac.digest(key, f"{pool}\0{server}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
