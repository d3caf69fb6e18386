"""Comparisons before a first access at rest, on both drivers: sealed, settled once, not believed when somebody else wrote."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import encode
from carnet_identity.domain.first_access import FirstAccess, settled
from carnet_identity.storage.comparisons import ComparisonStore
from carnet_identity.storage.indexes import open_collections
from carnet_platform.envelope import EnvelopeError
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import in_transaction, transaction
from pymongo.errors import OperationFailure
from structlog.testing import capture_logs

pytestmark = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)

KEYS = MasterKeys({"2026-01-01": b"m" * 32}, b"d" * 32)
NOW = datetime(2026, 3, 1, 9, 30, 0, 123456, tzinfo=UTC)
OPEN = FirstAccess(
    id="a" * 26,
    professional="professionals/alice",
    patient="patients/dominique",
    differences=("birth_family_name", "birth_date"),
    expire_time=NOW + timedelta(minutes=15),
)
SETTLED = settled(OPEN, is_same_person=True, now=NOW)


@pytest.fixture
async def store(database: tuple[Any, Any]) -> ComparisonStore:
    return ComparisonStore((await open_collections(database[1])).comparisons, KEYS)


async def test_a_comparison_is_found_by_its_id_and_holds_nothing_in_clear(database: tuple[Any, Any], store: ComparisonStore) -> None:
    await store.insert(OPEN)
    assert await store.find(OPEN.id) == OPEN
    assert await store.find("b" * 26) is None
    row = await database[1]["comparisons"].find_one({})
    assert row is not None
    for word in (b"alice", b"dominique", b"birth_date"):
        assert word not in encode(row)
    indexes = await database[1]["comparisons"].index_information()
    assert indexes["kept"]["expireAfterSeconds"] == 3600


async def test_the_newest_with_a_person_is_found_by_who_compared(store: ComparisonStore) -> None:
    newer = replace(OPEN, id="b" * 26)
    for one in (OPEN, replace(OPEN, id="c" * 26, patient="patients/other")):
        await store.insert(one)
    assert await store.newest(OPEN.professional, OPEN.patient) == OPEN
    await store.insert(newer)
    assert await store.newest(OPEN.professional, OPEN.patient) == newer
    assert await store.newest("professionals/bruno", OPEN.patient) is None


async def test_it_is_settled_once(database: tuple[Any, Any], store: ComparisonStore) -> None:
    await store.insert(OPEN)
    await in_transaction(database[0], lambda session: store.settle(session, SETTLED))
    assert await store.find(OPEN.id) == SETTLED

    async def again() -> None:
        async with transaction(database[0]) as session:
            await store.settle(session, replace(SETTLED, is_same_person=False))

    with pytest.raises(OperationFailure, match="settled meanwhile") as raised:
        await again()
    assert raised.value.has_error_label("TransientTransactionError")
    assert await store.find(OPEN.id) == SETTLED


async def test_a_row_that_somebody_changed_is_not_believed(database: tuple[Any, Any], store: ComparisonStore) -> None:
    """C8: one that was put back from before it was settled opens no more than one of another id."""
    other = replace(OPEN, id="b" * 26)
    await store.insert(OPEN)
    await store.insert(other)
    rows = database[1]["comparisons"]
    earlier = await rows.find_one({"_id": OPEN.id})
    assert earlier is not None
    await in_transaction(database[0], lambda session: store.settle(session, SETTLED))
    for edit in ({"content": earlier["content"]}, {"revision": 3}):
        await rows.update_one({"_id": OPEN.id}, {"$set": edit})
        with capture_logs() as logged, pytest.raises(EnvelopeError):
            await store.find(OPEN.id)
        assert [(line["event"], line["log_level"], line["comparison"]) for line in logged] == [("comparison.seal_broken", "error", OPEN.id)]
    await rows.update_one({"_id": other.id}, {"$set": {"content": earlier["content"]}})
    with pytest.raises(EnvelopeError):
        await store.find(other.id)
