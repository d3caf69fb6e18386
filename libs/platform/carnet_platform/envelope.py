"""Sealing of what is stored: AES-256-GCM bound to the place it is stored in.

Promises that what was sealed for one place (collection, field, subject, item, version, chunk) does not open in another, and
that a changed byte is noticed. Refuses everything else with EnvelopeError, which says neither which key nor which part failed.
Callers give a key its own scope: nonces are random, so one key may seal at most 2**32 times (NIST SP 800-38D, 8.3).
"""

import hmac
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16


class EnvelopeError(Exception):
    """What was to be opened is not what was sealed here under this key."""


@dataclass(frozen=True, slots=True)
class Context:
    """The place a sealed value belongs to; it is not stored, it must be known to open the value."""

    collection: str
    field: str
    subject: str = ""
    item: str = ""
    version: int = 0
    chunk: int = 0

    def encode(self) -> bytes:
        """Return the associated data: each part preceded by its length, so that no two places encode alike."""
        texts = (self.collection, self.field, self.subject, self.item)
        numbers = self.version.to_bytes(8, "big", signed=True) + self.chunk.to_bytes(8, "big", signed=True)
        return b"carnet/1" + join_parts(*(text.encode() for text in texts), numbers)


def join_parts(*parts: bytes) -> bytes:
    """Return the parts joined so that they can be told apart again: each after its length in four bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def split_parts(joined: bytes) -> list[bytes]:
    """Return the parts `join_parts` joined; EnvelopeError when the lengths do not fit."""
    parts, at = [], 0
    while at < len(joined):
        end = at + 4 + int.from_bytes(joined[at : at + 4], "big")
        if end > len(joined):
            raise EnvelopeError("a part is cut off")
        parts.append(joined[at + 4 : end])
        at = end
    return parts


def new_key() -> bytes:
    """Return 32 random bytes."""
    return os.urandom(KEY_BYTES)


def seal(key: bytes, plaintext: bytes, context: Context) -> bytes:
    """Return nonce || ciphertext || tag; `key` is 32 bytes."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _cipher(key).encrypt(nonce, plaintext, context.encode())


def unseal(key: bytes, sealed: bytes, context: Context) -> bytes:
    """Return what `seal` sealed for this context under this key, or raise EnvelopeError."""
    if len(sealed) < NONCE_BYTES + _TAG_BYTES:
        raise EnvelopeError("a sealed value is too short")
    try:
        return _cipher(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
    except InvalidTag:
        raise EnvelopeError("a sealed value does not open here") from None


def mac(key: bytes, *parts: bytes) -> bytes:
    """Return the HMAC-SHA256 (32 bytes) of the parts, each preceded by its length. Compare with `hmac.compare_digest`."""
    return hmac.digest(key, join_parts(*parts), "sha256")


@lru_cache(maxsize=64)
def _cipher(key: bytes) -> AESGCM:
    # Expanding the key costs as much as sealing a short text; a process uses few keys many times.
    return AESGCM(key)
