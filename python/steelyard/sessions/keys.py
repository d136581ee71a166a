"""Secrets: the ids of sessions and the encryption of what is kept. Nothing here is logged or printed.

An id has 256 random bits (OWASP asks for at least 64). What a store sees is the hash of the id, so whoever reads the
store cannot use a session. Bodies are encrypted with AES-256-GCM where keys are given; the first key encrypts, all
of them decrypt, so keys are rotated by putting a new one in front.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from typing import Protocol

from steelyard.sessions.errors import StoreMisconfigured, Unreadable

ID_BYTES = 32
ID_LENGTH = 43
"""The length of an id in base64url without padding."""
_ID = re.compile(r"[A-Za-z0-9_-]{43}")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_NONCE = 12
_KEY_ID = 4


def new_id() -> str:
    """A new session id: 256 random bits in base64url."""
    return secrets.token_urlsafe(ID_BYTES)


def is_id(text: str) -> bool:
    """Whether a text has the form of an id."""
    return _ID.fullmatch(text) is not None


def store_key(session_id: str) -> str:
    """The name under which a store keeps the session: not usable as an id."""
    return _base64(hashlib.sha256(b"steelyard session\0" + session_id.encode()).digest())


class Signer:
    """Signs ids in cookies, so that a forged one costs no look-up in the store. Without keys ids pass as they are."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = [hashlib.sha256(b"steelyard cookie\0" + key).digest() for key in keys]

    def sign(self, session_id: str) -> str:
        """The cookie's value for an id."""
        return f"{session_id}.{self._mark(self._keys[0], session_id)}" if self._keys else session_id

    def unsign(self, value: str) -> str | None:
        """The id in a cookie's value; None when it is malformed or signed by none of the keys."""
        session_id, _, mark = value.partition(".")
        if not is_id(session_id):
            return None
        if not self._keys:
            return session_id if not mark else None
        # Every key is compared, so that the time taken does not tell which one fits.
        good = [hmac.compare_digest(self._mark(key, session_id), mark) for key in self._keys if mark.isascii()]
        return session_id if any(good) else None

    @staticmethod
    def _mark(key: bytes, session_id: str) -> str:
        return _base64(hmac.digest(key, session_id.encode(), "sha256")[:16])


class Seal:
    """Encrypts bodies at rest. Without keys it lets them pass as they are."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers: dict[bytes, _Cipher] = {}
        if not keys:
            return
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError:
            raise StoreMisconfigured(
                "encryption needs the library cryptography: pip install 'steelyard[crypto]'"
            ) from None
        for key in keys:
            derived = hashlib.sha256(b"steelyard body\0" + key).digest()
            self._ciphers[hashlib.sha256(derived).digest()[:_KEY_ID]] = AESGCM(derived)

    def close(self, body: bytes, bound_to: str) -> bytes:
        """Encrypt with the first key. ``bound_to`` is authenticated too: a body moved elsewhere does not open."""
        if not self._ciphers:
            return body
        key_id, cipher = next(iter(self._ciphers.items()))
        nonce = secrets.token_bytes(_NONCE)
        return key_id + nonce + cipher.encrypt(nonce, body, bound_to.encode())

    def open(self, sealed: bytes, bound_to: str) -> bytes:
        """The inverse. Raises ``Unreadable`` for another key's, a moved or a damaged body."""
        if not self._ciphers:
            return sealed
        cipher = self._ciphers.get(sealed[:_KEY_ID])
        if cipher is None:
            raise Unreadable("the record was encrypted with a key that is not in the list")
        try:
            return cipher.decrypt(sealed[_KEY_ID : _KEY_ID + _NONCE], sealed[_KEY_ID + _NONCE :], bound_to.encode())
        except Exception:
            raise Unreadable("the record was damaged, or belongs to another session") from None


class _Cipher(Protocol):
    """The part of ``AESGCM`` that is used, for the type checker where the library is not installed."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...


def _base64(data: bytes) -> str:
    # base64url without padding (RFC 4648 §5), in two passes.
    return binascii.b2a_base64(data, newline=False).translate(_URL_SAFE, b"=").decode()
