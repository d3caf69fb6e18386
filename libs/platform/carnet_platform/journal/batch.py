"""The format of a journal: what one commit holds, how it is chained and signed, and how it is stored.

A commitment is SHA-256(salt || payload), salt being 32 random bytes; a head is SHA-256(previous head || commitments), the first
previous head being empty; a signature is Ed25519 over `signed_text`. Only a batch without events closes a stream, so the flag
`closing` is under the signature too. Stored, the events are sealed; heads and signatures say nothing of them.
Refuses (BatchError) a batch that does not hold together.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from carnet_platform.envelope import Context, join_parts, split_parts
from carnet_platform.keys import Sealer

SALT_BYTES: Final = 32
MAX_EVENTS: Final = 512
MAX_BYTES: Final = 1 << 20
"""Payload bytes of one batch; a single event may not be larger."""

_SIGNED_PREFIX: Final = b"carnet journal batch 1"
_ID_DIGITS: Final = 15


class BatchError(Exception):
    """A batch does not hold together: its chain, signature or form is wrong."""


@dataclass(frozen=True, slots=True)
class SealedEvent:
    """A payload with the random bytes its commitment is made with."""

    salt: bytes
    payload: bytes

    @classmethod
    def of(cls, payload: bytes) -> Self:
        """The event of a payload, under a new salt."""
        return cls(os.urandom(SALT_BYTES), payload)

    @property
    def commitment(self) -> bytes:
        """SHA-256(salt || payload): says nothing of the payload without the salt."""
        return hashlib.sha256(self.salt + self.payload).digest()


@dataclass(frozen=True, slots=True)
class JournalBatch:
    """What one commit of a stream holds; its first event is number `first_seq`, and the first of a stream is 0."""

    stream: str
    first_seq: int
    events: tuple[SealedEvent, ...]
    prev_head: bytes
    head: bytes
    signature: bytes
    closing: bool

    @property
    def next_seq(self) -> int:
        """The number after its last event."""
        return self.first_seq + len(self.events)

    def check(self, public_key: bytes) -> None:
        """Raise BatchError unless head, signature and form are right; whether it follows another batch is the caller's to compare."""
        if self.closing != (not self.events):
            raise BatchError("a batch closes a stream if and only if it has no events")
        if self.head != head_after(self.prev_head, self.events):
            raise BatchError("the head does not follow from the events")
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(self.signature, signed_text(self.stream, self.first_seq, self.head))
        except (InvalidSignature, ValueError):
            raise BatchError("the signature is not the stream's") from None


def head_after(prev_head: bytes, events: Sequence[SealedEvent]) -> bytes:
    """The head of a chain after these events (32 bytes)."""
    return hashlib.sha256(prev_head + b"".join([event.commitment for event in events])).digest()


def signed_text(stream: str, first_seq: int, head: bytes) -> bytes:
    """What the signature of a batch covers; `stream` is the bare identifier."""
    return join_parts(_SIGNED_PREFIX, stream.encode(), first_seq.to_bytes(8, "big"), head)


def make_batch(stream: str, first_seq: int, events: Sequence[SealedEvent], prev_head: bytes, key: Ed25519PrivateKey) -> JournalBatch:
    """The batch of these events, signed; without events it closes the stream."""
    head = head_after(prev_head, events)
    signature = key.sign(signed_text(stream, first_seq, head))
    return JournalBatch(stream, first_seq, tuple(events), prev_head, head, signature, closing=not events)


def batch_id(stream: str, first_seq: int) -> str:
    """The `_id` of a batch: unique for a stream and number, and sorted by number within a stream."""
    return f"{stream}/{first_seq:0{_ID_DIGITS}d}"


def stream_ids(stream: str, first_seq: int = 0) -> dict[str, str]:
    """The filter on `_id` for the batches of a stream from a number on."""
    return {"$gte": batch_id(stream, first_seq), "$lt": f"{stream}0"}  # '0' comes right after '/'


def to_document(batch: JournalBatch, sealer: Sealer) -> dict[str, Any]:
    """What is stored of a batch."""
    plain = join_parts(*(part for event in batch.events for part in (event.salt, event.payload)))
    return {
        "_id": batch_id(batch.stream, batch.first_seq),
        "stream": batch.stream,
        "first_seq": batch.first_seq,
        "count": len(batch.events),
        "prev_head": batch.prev_head,
        "head": batch.head,
        "signature": batch.signature,
        "events": sealer.seal(plain, _context(batch.stream, batch.first_seq)),
        "closing": batch.closing,
        "shipped": False,
    }


def from_document(document: dict[str, Any], sealer: Sealer) -> JournalBatch:
    """The batch a document holds; EnvelopeError when it was not stored by this service at this place."""
    stream, first_seq = document["stream"], document["first_seq"]
    parts = split_parts(sealer.unseal(document["events"], _context(stream, first_seq)))
    events = tuple(SealedEvent(salt, payload) for salt, payload in zip(parts[::2], parts[1::2], strict=True))
    return JournalBatch(
        stream, first_seq, events, document["prev_head"], document["head"], document["signature"], closing=document["closing"]
    )


def _context(stream: str, first_seq: int) -> Context:
    return Context("journal", "events", subject=stream, version=first_seq)


_BYTES = {"bsonType": "binData"}
_NUMBER = {"bsonType": ["int", "long"], "minimum": 0}

VALIDATOR: Final[dict[str, Any]] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "stream", "first_seq", "count", "prev_head", "head", "signature", "events", "closing", "shipped"],
        "additionalProperties": False,
        "properties": {
            "_id": {"bsonType": "string"},
            "stream": {"bsonType": "string"},
            "first_seq": _NUMBER,
            "count": {**_NUMBER, "maximum": MAX_EVENTS},
            "prev_head": _BYTES,
            "head": _BYTES,
            "signature": _BYTES,
            "events": _BYTES,
            "closing": {"bsonType": "bool"},
            "shipped": {"bsonType": "bool"},
            "shipped_time": {"bsonType": "date"},
        },
    }
}
