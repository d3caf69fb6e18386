r"""A leaf of the log: what the tree hashes for one event.

Encoding, version 1; `field(x)` is the length of x in bytes as 4 bytes big-endian, then x:

    leaf  = "carnet leaf v1\n" || field(kind) || field(time) || origin || commitment || count || view commitments
    view  = SHA-256("carnet view v1\n" || salt || field(record) || field(view) || number as 8 bytes big-endian)
    origin = SHA-256("carnet origin v1\n" || salt || field(producer) || number as 8 bytes big-endian)

kind and time are UTF-8 and equal those of the event's text. `origin` commits to who produced the event and under which
number; it is salted because a producer's numbers have no gaps, so that seeing them would betray lines hidden from the
reader. `commitment` is that of `commitment.py`. `count` is one byte: 0 for an event that belongs to no record, else the
number of views. Every event of a record commits to every view, in the order of VIEWS; number 0 says "not in this view".
So a leaf does not show from whom its event is hidden. The leaf hash is RFC 6962's, SHA-256(0x00 || leaf).
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from carnet_verify.commitment import SALT_BYTES

HASH_BYTES = 32
"""Length of a SHA-256, in bytes."""

VIEWS = ("patient", "representatives")
"""The views of a record's history, in the order in which leaves commit to them."""

_LEAF = b"carnet leaf v1\n"
_VIEW = b"carnet view v1\n"
_ORIGIN = b"carnet origin v1\n"


@dataclass(frozen=True)
class Leaf:
    """What one leaf says. `views` is empty for an event that belongs to no record."""

    kind: str
    time: str
    origin: bytes
    commitment: bytes
    views: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        """The one byte string of this leaf. Raises ValueError when a hash has not 32 bytes or the views are not all there."""
        hashes = (self.origin, self.commitment, *self.views)
        if any(len(value) != HASH_BYTES for value in hashes) or len(self.views) not in (0, len(VIEWS)):
            raise ValueError("a leaf has 32-byte hashes and all views or none")
        head = _LEAF + _field(self.kind) + _field(self.time) + self.origin + self.commitment
        return head + bytes([len(self.views)]) + b"".join(self.views)

    def hash(self) -> bytes:
        """RFC 6962 leaf hash, 32 bytes."""
        return hash_leaf(self.encode())


def decode_leaf(encoded: bytes) -> Leaf:
    """The leaf of its byte string. Raises ValueError when the bytes are not exactly one leaf."""
    if not encoded.startswith(_LEAF):
        raise ValueError("not a leaf of version 1")
    kind, rest = _take_field(encoded[len(_LEAF) :])
    time, rest = _take_field(rest)
    fixed = 2 * HASH_BYTES
    if len(rest) <= fixed or len(rest) != fixed + 1 + rest[fixed] * HASH_BYTES:
        raise ValueError("a leaf of the wrong length")
    views = tuple(rest[start : start + HASH_BYTES] for start in range(fixed + 1, len(rest), HASH_BYTES))
    leaf = Leaf(kind, time, rest[:HASH_BYTES], rest[HASH_BYTES:fixed], views)
    leaf.encode()
    return leaf


def hash_leaf(encoded: bytes) -> bytes:
    """RFC 6962 hash of an encoded leaf: the 0x00 keeps leaves and inner nodes apart."""
    return hashlib.sha256(b"\x00" + encoded).digest()


def commit_view(salt: bytes, record: str, view: str, number: int) -> bytes:
    """Commits to the number of an event in one view of one record; 0 says that it is not in the view."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return hashlib.sha256(_VIEW + salt + _field(record) + _field(view) + number.to_bytes(8, "big")).digest()


def opens_view(views: Sequence[bytes], salt: bytes, record: str, view: str, number: int) -> bool:
    """Does `salt` show that these view commitments give `number` (1 or more) to the event in `view` of `record`?"""
    if view not in VIEWS or len(views) != len(VIEWS) or len(salt) != SALT_BYTES or not 0 < number < 1 << 63:
        return False
    return hmac.compare_digest(commit_view(salt, record, view, number), views[VIEWS.index(view)])


def commit_origin(salt: bytes, producer: str, number: int) -> bytes:
    """Commits to who produced an event (e.g. `documents/streams/x`) and the producer's number for it."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return hashlib.sha256(_ORIGIN + salt + _field(producer) + number.to_bytes(8, "big")).digest()


def _field(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(4, "big") + data


def _take_field(data: bytes) -> tuple[str, bytes]:
    length = int.from_bytes(data[:4], "big")
    if len(data) < 4 + length:
        raise ValueError("a field ends early")
    return data[4 : 4 + length].decode(), data[4 + length :]
