"""Withdrawals at rest: sealed, accounted for, and believed against whoever edits the store (C8)."""

import asyncio
from collections.abc import MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson.binary import Binary
from carnet_consent.storage.fence_watch import FenceWatch
from carnet_consent.storage.fences import Fences
from carnet_platform.mongo import in_transaction
from carnet_platform.rows import RowSeals
from component.consent.conftest import DOCTOR, KEYS, Running
from pymongo.errors import WriteError
from structlog.testing import capture_logs

BOTH_DRIVERS = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
LATER = datetime.now(UTC) + timedelta(minutes=6)


class Store:
    """Fences on a database, with the watch over them."""

    def __init__(self, client: Any, database: Any, fences: Fences) -> None:  # noqa: ANN401 - as the fixture gives them
        self.client, self.rows, self.fences = client, database["fences"], fences
        self.watch = FenceWatch(client, fences, timedelta(seconds=1))

    async def register(self, subject: str, expire_time: datetime = LATER) -> int:
        return await in_transaction(self.client, lambda session: self.fences.register(session, subject, expire_time))

    async def alarms(self) -> list[str]:
        """The alarms of one look."""
        with capture_logs() as logged:
            await self.watch.look()
        return _errors(logged)


def _errors(logged: list[MutableMapping[str, Any]]) -> list[str]:
    return [line["event"] for line in logged if line["log_level"] == "error"]


@pytest.fixture
async def store(database: tuple[Any, Any]) -> Store:
    return Store(*database, await Fences.open(database[1], KEYS))


@BOTH_DRIVERS
@pytest.mark.parametrize(
    "edit",
    [
        {"$set": {"expire_time": datetime(2020, 1, 1, tzinfo=UTC)}},
        {"$set": {"position": 7}},
        {"$set": {"seal": Binary(b"x" * 32)}},
        {"$unset": {"expire_time": ""}},
        {"$unset": {"seal": ""}},
        {"$unset": {"position": "", "expire_time": "", "keep_until": "", "seal": ""}},
        {"$set": {"expire_time": "never"}},
    ],
    ids=repr,
)
async def test_an_edited_or_incomplete_withdrawal_still_refuses_and_alarms(
    running: Running, database: tuple[Any, Any], edit: dict[str, Any]
) -> None:
    record = await running.open()
    store = Store(*database, await Fences.open(database[1], KEYS))
    await store.register("sessions/s1")
    await database[1].command("update", "fences", updates=[{"q": {"_id": "sessions/s1"}, "u": edit}], bypassDocumentValidation=True)

    with capture_logs() as logged:
        assert await running.answer(DOCTOR, record) == "SESSION_WITHDRAWN"
        with pytest.raises(Exception, match="This session has ended"):
            await running.state(DOCTOR, record, DOCTOR.subject, "STANDING")

    assert _errors(logged) == ["fence.seal_broken", "fence.seal_broken"]
    assert await running.answer(DOCTOR, record) == "SESSION_WITHDRAWN"


@BOTH_DRIVERS
async def test_a_broken_account_does_not_keep_a_withdrawal_out(store: Store) -> None:
    await store.register("sessions/a")
    await store.rows.update_one({"_id": "position"}, {"$set": {"position": 40}})

    await store.register("sessions/b")
    await store.register("sessions/a")

    assert {row["_id"] async for row in store.rows.find({})} == {"position", "sessions/a", "sessions/b"}
    assert "fences.incomplete" in await store.alarms()
    assert await store.alarms() == []


@BOTH_DRIVERS
async def test_the_store_refuses_a_withdrawal_without_an_end(store: Store) -> None:
    await store.register("sessions/a")
    whole = await store.rows.find_one({"_id": "sessions/a"})
    for missing in ("expire_time", "keep_until", "position", "seal"):
        with pytest.raises(WriteError):
            await store.rows.insert_one({**{name: value for name, value in whole.items() if name != missing}, "_id": "sessions/b"})


@BOTH_DRIVERS
async def test_what_is_registered_adds_up(store: Store) -> None:
    await asyncio.gather(*(store.register(f"sessions/{number % 5}") for number in range(10)))

    assert await store.register("sessions/0", LATER - timedelta(hours=1)) == 11
    row = await store.rows.find_one({"_id": "sessions/0"})
    assert row["expire_time"] == LATER.replace(microsecond=LATER.microsecond // 1000 * 1000)
    assert await store.alarms() == []


@BOTH_DRIVERS
async def test_a_withdrawal_that_was_deleted_or_set_back_is_noticed_once_each(store: Store) -> None:
    await store.register("sessions/a")
    await store.register("activities/d/h")
    earlier = await store.rows.find_one({"_id": "activities/d/h"})
    await store.register("activities/d/h", LATER + timedelta(hours=1))
    assert await store.alarms() == []

    await store.rows.delete_one({"_id": "sessions/a"})
    assert await store.alarms() == ["fences.incomplete"]
    assert await store.alarms() == []

    await store.rows.replace_one({"_id": "activities/d/h"}, earlier)
    assert await store.alarms() == ["fences.incomplete"]

    await store.rows.delete_one({"_id": "position"})
    assert await store.alarms() == ["fences.incomplete"]
    assert await store.register("sessions/b") == 4


@BOTH_DRIVERS
async def test_an_account_set_back_with_its_rows_is_noticed_by_who_read_the_newer_one(store: Store) -> None:
    await store.register("sessions/a")
    before = [row async for row in store.rows.find({})]
    await store.register("sessions/b")
    store.fences.position(await store.rows.find_one({"_id": "position"}))
    await store.rows.delete_many({})
    await store.rows.insert_many(before)

    assert await store.alarms() == ["fences.rolled_back"]
    assert await store.register("sessions/c") == 3


@BOTH_DRIVERS
async def test_what_is_over_is_forgotten_and_cannot_stand_in_for_what_is_missing(store: Store) -> None:
    for subject in ("sessions/a", "sessions/b"):
        await store.register(subject)
    seals, past = RowSeals(KEYS, "fences"), datetime.now(UTC) - timedelta(hours=2)
    over = seals.sealed({**await store.rows.find_one({"_id": "sessions/a"}), "expire_time": past, "keep_until": past})
    older = seals.sealed({**over, "_id": "sessions/c", "keep_until": past - timedelta(seconds=1)})
    await store.rows.replace_one({"_id": "sessions/a"}, over)

    assert await store.alarms() == []
    assert await store.rows.find_one({"_id": "sessions/a"}) is None
    assert await store.alarms() == []

    await store.rows.insert_one(older)
    assert await store.alarms() == ["fence.put_back"]
    assert await store.rows.find_one({"_id": "sessions/c"}) is None
    assert await store.rows.find_one({"_id": "sessions/b"}) is not None
