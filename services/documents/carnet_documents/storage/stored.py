"""A document as it lies in MongoDB, and back: sealed for its place, checked before anything of it is believed."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carnet_platform.envelope import Context, EnvelopeError, seal, unseal

from carnet_documents.domain.entry import Entry
from carnet_documents.domain.placement import Placement, Status
from carnet_documents.domain.visibility import Visibility
from carnet_documents.storage import metadata
from carnet_documents.storage.blinding import Blinding

CHUNK_SIZE = 1024 * 1024
"""Content up to this size lies in the document itself; larger content in chunks of this size."""


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document to keep. ``unique`` and ``deposit`` are blind; ``key`` is its own random key."""

    placement: Placement
    entry: Entry
    key: bytes
    unique: bytes
    deposit: bytes
    content_mac: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """A document that was found and whose seal holds. ``Opened`` reads it."""

    placement: Placement
    stored: Mapping[str, Any]
    blinding: Blinding


@dataclass(frozen=True, slots=True)
class Broken:
    """A document that was found and is not to be believed. ``kind`` names the alarm and the event.

    ``labels`` are those the row shows: as little to be believed, and enough not to tell more in a history than the row would.
    """

    kind: str
    record: str
    document: str
    labels: frozenset[Visibility]


def placement_of(stored: Mapping[str, Any]) -> Placement:
    """What decides about access."""
    return Placement(
        record=stored["record"],
        document=stored["_id"],
        class_code=stored["class"],
        type_code=stored["type"],
        status=Status(stored["status"]),
        is_masked=stored["masked"],
        visible_to_patient_from=stored["patient_from"],
        is_hidden_from_representatives=stored["hidden_from_representatives"],
        depositor=bytes(stored["depositor"]),
        structure=bytes(stored["structure"]),
        first_deposit_time=stored["first_deposit"],
        replaced_by=stored["replaced_by"],
        version=stored["version"],
        masked_from=stored.get("masked_from"),
    )


def changing_fields(placement: Placement, blinding: Blinding) -> dict[str, Any]:
    """The fields that may change after the deposit, and the seal over them."""
    return {
        "status": placement.status.value,
        "masked": placement.is_masked,
        "patient_from": placement.visible_to_patient_from,
        "hidden_from_representatives": placement.is_hidden_from_representatives,
        "replaced_by": placement.replaced_by,
        "version": placement.version,
        "seal": blinding.seal(placement),
    }


def chunks_of(size: int) -> int:
    """In how many chunks content of ``size`` bytes lies; 0 when it lies in the document itself."""
    return 0 if size <= CHUNK_SIZE else -(-size // CHUNK_SIZE)


def to_stored(new: NewDocument, record_key: bytes, blinding: Blinding) -> dict[str, Any]:
    """The MongoDB document; content larger than a chunk is left to ``chunks``."""
    placement, place = new.placement, _place(new.placement)
    stored: dict[str, Any] = {
        "_id": placement.document,
        "record": placement.record,
        "class": placement.class_code,
        "type": placement.type_code,
        "format": new.entry.format.code,
        **changing_fields(placement, blinding),
        "depositor": placement.depositor,
        "structure": placement.structure,
        "created": new.entry.creation_time,
        "first_deposit": placement.first_deposit_time,
        "deposit": new.deposit,
        "unique": new.unique,
        "content_mac": new.content_mac,
        "key": seal(record_key, new.key, place("key")),
        "metadata": seal(new.key, metadata.encode(new.entry), place("metadata")),
    }
    if placement.masked_from is not None:
        stored["masked_from"] = placement.masked_from
    if not chunks_of(len(new.content)):
        stored["content"] = seal(new.key, new.content, place("content"))
    return stored


class _Place:
    """The associated data of one document's parts."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement

    def __call__(self, field: str, chunk: int = 0) -> Context:
        return Context("documents", field, subject=self._placement.record, item=self._placement.document, chunk=chunk)


def _place(placement: Placement) -> _Place:
    return _Place(placement)


def seal_chunk(new: NewDocument, number: int) -> bytes:
    """The sealed chunk of that number, from 0."""
    part = new.content[number * CHUNK_SIZE : (number + 1) * CHUNK_SIZE]
    return seal(new.key, part, _place(new.placement)("content", number + 1))


class Opened:
    """A found document opened with its record's key; only what is sealed says how much content there is.

    Raises ``EnvelopeError`` for what does not open in its place or contradicts what is sealed.
    """

    def __init__(self, found: Found, record_key: bytes) -> None:
        self.placement = found.placement
        self._stored = found.stored
        self._place = _place(found.placement)
        self._key = unseal(record_key, bytes(found.stored["key"]), self._place("key"))
        self.entry = metadata.decode(unseal(self._key, bytes(found.stored["metadata"]), self._place("metadata")))
        self.chunk_count = chunks_of(self.entry.size)
        self._seen, self._hash = 0, hashlib.sha256()
        _check_projection(found, self.entry)

    def content(self) -> bytes:
        """The bytes of a document without chunks, if they were asked for."""
        return self._checked(unseal(self._key, bytes(self._stored["content"]), self._place("content")), is_last=True)

    def chunk(self, number: int, sealed: bytes) -> bytes:
        """The bytes of the chunk of that number, from 0; to be asked for in order. The last ends what must be whole."""
        part = unseal(self._key, sealed, self._place("content", number + 1))
        return self._checked(part, is_last=number == self.chunk_count - 1)

    def _checked(self, part: bytes, *, is_last: bool) -> bytes:
        self._seen += len(part)
        self._hash.update(part)
        if is_last and (self._seen, self._hash.hexdigest()) != (self.entry.size, self.entry.sha256):
            raise EnvelopeError("the content is not what was deposited")
        return part


def _check_projection(found: Found, entry: Entry) -> None:
    """What lies in clear beside the sealed metadata, to be searched by, says the same."""
    stored, blinding, record = found.stored, found.blinding, found.placement.record
    is_same = (
        stored["created"] == entry.creation_time
        and hmac.compare_digest(bytes(stored["unique"]), blinding.unique_id(record, entry.unique_id))
        and hmac.compare_digest(bytes(stored["content_mac"]), blinding.content(record, bytes.fromhex(entry.sha256)))
    )
    if not is_same:
        raise EnvelopeError("the projection contradicts the sealed metadata")
