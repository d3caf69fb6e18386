"""What is opened is what was deposited, whole: size and hash are sealed, and counted while the content goes by."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from carnet_documents.domain.entry import Code, Entry
from carnet_documents.domain.placement import Placement, Status
from carnet_documents.domain.visibility import Visibility
from carnet_documents.storage.blinding import Blinding
from carnet_documents.storage.stored import CHUNK_SIZE, Found, NewDocument, Opened, chunks_of, seal_chunk, to_stored
from carnet_platform.envelope import EnvelopeError, new_key
from support.journals import some_keys

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BLINDING = Blinding(some_keys())
RECORD_KEY = new_key()
CODE = Code("c")


def new_document(content: bytes, **changed: object) -> NewDocument:
    """A document of these bytes; ``changed`` are fields of the entry that say otherwise."""
    digest = hashlib.sha256(content)
    entry = Entry("1.2", CODE, CODE, CODE, "text/xml", "fr", "t", "N", NOW, len(content), digest.hexdigest(), NOW, "professionals/p")
    entry = replace(entry, **changed)  # type: ignore[arg-type]  # fields of the entry
    placement = Placement("r", "d", "c", "c", Status.APPROVED, False, None, False, b"d", b"s", NOW, "", 1)
    content_mac = BLINDING.content("r", bytes.fromhex(entry.sha256))
    return NewDocument(placement, entry, new_key(), BLINDING.unique_id("r", "1.2"), b"", content_mac, content)


def opened(new: NewDocument) -> Opened:
    return Opened(Found(new.placement, to_stored(new, RECORD_KEY, BLINDING), BLINDING), RECORD_KEY)


def read(new: NewDocument) -> bytes:
    """The content as a reader gets it."""
    document = opened(new)
    if not document.chunk_count:
        return document.content()
    return b"".join([document.chunk(number, seal_chunk(new, number)) for number in range(document.chunk_count)])


@pytest.mark.parametrize("size", [1, CHUNK_SIZE, CHUNK_SIZE + 1, 2 * CHUNK_SIZE, 2 * CHUNK_SIZE + 1])
def test_content_of_any_size_comes_back_whole(size: int) -> None:
    assert read(new_document(bytes(size))) == bytes(size)


@pytest.mark.parametrize("size", [10, 2 * CHUNK_SIZE + 10])
@pytest.mark.parametrize("says", [{"sha256": "00" * 32}, {"size": -1}, {"size": 1}])
def test_content_of_another_size_or_hash_than_is_sealed_does_not_open(size: int, says: dict[str, object]) -> None:
    wrong = {"size": size + says["size"]} if "size" in says else says  # type: ignore[operator]  # a number

    with pytest.raises(EnvelopeError):
        read(new_document(bytes(size), **wrong))


def test_the_last_chunk_of_other_content_does_not_open() -> None:
    """Nothing before the last can be told wrong; so the last is kept back."""
    new = new_document(bytes(2 * CHUNK_SIZE), sha256="00" * 32)
    document = opened(new)
    assert document.chunk(0, seal_chunk(new, 0)) == bytes(CHUNK_SIZE)

    with pytest.raises(EnvelopeError):
        document.chunk(1, seal_chunk(new, 1))


def test_the_number_of_chunks_follows_from_the_sealed_size() -> None:
    assert [chunks_of(size) for size in (0, CHUNK_SIZE, CHUNK_SIZE + 1, 3 * CHUNK_SIZE)] == [0, 0, 2, 3]
    assert "chunks" not in to_stored(new_document(bytes(2 * CHUNK_SIZE)), RECORD_KEY, BLINDING)


def test_a_deposit_masked_by_default_is_masked_at_once_or_when_its_holder_sees_it() -> None:
    """Rule 14. What its depositor masked himself stays as he masked it."""
    placement, end = new_document(b"x").placement, NOW + timedelta(days=1)
    hidden = replace(placement, visible_to_patient_from=end)

    at_once, later, again = (one.masked_by_default(NOW) for one in (placement, hidden, replace(hidden, visible_to_patient_from=NOW)))

    assert at_once.labels(NOW) == again.labels(NOW) == {Visibility.MASKED_FROM_PROFESSIONALS}
    assert later.labels(NOW) == {Visibility.HIDDEN_FROM_PATIENT}
    assert later.labels(end) == {Visibility.MASKED_FROM_PROFESSIONALS}
    assert at_once.masked_by_default(NOW) is at_once
    assert BLINDING.seal(later) != BLINDING.seal(replace(later, masked_from=None)), "from when is sealed"
