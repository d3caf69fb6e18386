"""Stops at rest: one sealed row, believed against whoever edits the store."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from carnet_identity.domain.stop import Stop
from carnet_identity.storage.indexes import open_collections
from carnet_identity.storage.stops import SUBJECT, StopStore
from carnet_platform.changes import ChangeLog
from carnet_platform.envelope import EnvelopeError
from carnet_platform.errors import Unavailable
from carnet_platform.mongo import Session, in_transaction
from structlog.testing import capture_logs
from support.journals import some_keys

pytestmark = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
ALICE, BRUNO = Stop("professionals/alice", "operations/a"), Stop("professionals/bruno", "operations/b")
ALICE_AGAIN = Stop("professionals/alice", "operations/c")


class Stored:
    """A process's view of the stops."""

    def __init__(self, client: Any, rows: Any, changes: ChangeLog, stops: StopStore) -> None:  # noqa: ANN401 - as the fixture gives them
        self.client, self.rows, self.changes, self.stops = client, rows, changes, stops

    async def change(self, changed: Callable[[frozenset[Stop]], frozenset[Stop]]) -> int | None:
        async def body(session: Session) -> int | None:
            revision = await self.stops.change(session, changed)
            if revision is not None:
                await self.changes.append(session, SUBJECT, b"event", revision=revision)
            return revision

        return await in_transaction(self.client, body)

    async def set(self, stop: Stop) -> int | None:
        return await self.change(lambda stops: stops | {stop})


@pytest.fixture
async def stored(database: tuple[Any, Any]) -> Stored:
    client, store = database
    keys = some_keys()
    changes, collections = await ChangeLog.open(store, keys), await open_collections(store)
    return Stored(client, collections.stops, changes, StopStore(collections.stops, keys, changes))


async def test_what_is_stopped_is_known_until_it_is_lifted(stored: Stored) -> None:
    assert await stored.stops.standing() == frozenset()
    assert [await stored.set(stop) for stop in (ALICE, BRUNO, ALICE_AGAIN)] == [1, 2, 3]
    assert await stored.set(ALICE) is None

    assert await stored.stops.is_any_stopped(["sessions/s", "professionals/alice"])
    assert not await stored.stops.is_any_stopped(["professionals/ali", "professionals/alice2", "operations/a"])
    await stored.change(lambda stops: stops - {ALICE})
    assert await stored.stops.is_any_stopped(["professionals/alice"]), "another operation stops her still"
    await stored.change(lambda stops: stops - {ALICE_AGAIN})
    assert await stored.stops.standing() == {BRUNO}


async def test_stops_at_the_same_time_are_all_kept(stored: Stored) -> None:
    stops = [Stop(f"professionals/p{number}", f"operations/o{number}") for number in range(8)]
    await asyncio.gather(*(stored.set(stop) for stop in stops))
    assert await stored.stops.standing() == set(stops)


@pytest.mark.parametrize("edit", [{"$set": {"stops": []}}, {"$set": {"revision": 9}}, {"$pop": {"stops": 1}}], ids=repr)
async def test_an_edited_row_is_not_believed_and_not_written_over(stored: Stored, edit: dict[str, Any]) -> None:
    """C8."""
    await stored.set(ALICE)
    await stored.rows.update_one({"_id": SUBJECT}, edit)
    for call in (stored.stops.standing(), stored.stops.is_any_stopped([]), stored.set(BRUNO)):
        with capture_logs() as logged, pytest.raises(EnvelopeError):
            await call
        assert [line["event"] for line in logged] == ["stops.seal_broken"]


async def test_a_row_that_was_set_back_or_deleted_is_not_believed(stored: Stored) -> None:
    """C8."""
    await stored.set(ALICE)
    before = await stored.rows.find_one({"_id": SUBJECT})
    await stored.set(BRUNO)
    for there in (before, None):
        await stored.rows.delete_many({})
        if there is not None:
            await stored.rows.insert_one(there)
        for call in (stored.stops.standing(), stored.set(ALICE_AGAIN)):
            with capture_logs() as logged, pytest.raises(EnvelopeError):
                await call
            assert [line["event"] for line in logged] == ["stops.rolled_back"]


async def test_a_store_that_is_behind_what_was_read_before_is_not_believed(stored: Stored, database: tuple[Any, Any]) -> None:
    await stored.set(ALICE)
    before = await stored.rows.find_one({"_id": SUBJECT})
    await stored.set(BRUNO)
    await stored.stops.standing()
    await stored.rows.replace_one({"_id": SUBJECT}, before)
    await database[1]["changes"].delete_one({"subject": SUBJECT, "revision": 2})
    with pytest.raises(Unavailable):
        await stored.stops.standing()
