"""Consent is told of what was added: once, together, whatever dies or hangs; and no deposit waits for that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from carnet.documents.v1 import document_entry_pb2 as entry_pb
from carnet_documents.domain.addition import Addition, Batch
from carnet_documents.storage.additions import MOST, Additions
from carnet_documents.usecases.tell_additions import TAKEN_FOR, TellAdditions
from carnet_platform.errors import InvalidArgument, NotFound, Unavailable
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import in_transaction
from component.documents.conftest import Documents
from component.documents.harness import RECORD
from structlog.testing import capture_logs
from support.cda import Cda
from support.hand_clock import HandClock
from support.waiting import eventually

KEYS = MasterKeys({"2026-01-01": b"m" * 32}, b"d" * 32)
GATHERED = timedelta(seconds=10)
both_drivers = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)


class Consent:
    """Learns what it is told, or answers as a test says."""

    def __init__(self) -> None:
        self.told: list[Batch] = []
        self.error: Exception | None = None

    async def tell(self, batch: Batch) -> None:
        """Learn."""
        self.told.append(batch)
        if self.error is not None:
            raise self.error


class Desk:
    """A queue, its job, and who is told."""

    def __init__(self, client: Any, database: Any, additions: Additions) -> None:  # noqa: ANN401
        self.client, self.rows, self.additions = client, database["additions"], additions
        self.clock, self.consent = HandClock(), Consent()

    @property
    def job(self) -> TellAdditions:
        """The job of a process."""
        return TellAdditions(self.additions, self.consent, self.clock, timedelta(seconds=1))

    async def deposit(self, document: str, record: str = "r") -> Addition:
        """As a deposit does, in its transaction."""
        added = Addition(record, document, "10", "11488-4", ("MASQUE_PS",), "professionals/ines", "structures/h", self.clock.now())
        await in_transaction(self.client, lambda session: self.additions.add(session, added, self.clock.now() + GATHERED))
        return added

    async def try_one(self) -> bool:
        """One look, whoever does not answer."""
        try:
            return await self.job.tell_one()
        except Unavailable:
            return True


@asynccontextmanager
async def desk_of(database: tuple[Any, Any]) -> AsyncIterator[Desk]:
    yield Desk(*database, await Additions.open(database[1], KEYS))


@both_drivers
async def test_what_is_deposited_within_a_while_is_told_in_one_call_and_forgotten(database: tuple[Any, Any]) -> None:
    async with desk_of(database) as desk:
        first = await desk.deposit("a")
        assert not await desk.job.tell_one(), "others are waited for"
        desk.clock.seconds += 5
        second, other = await desk.deposit("b"), await desk.deposit("c", "other")
        desk.clock.seconds += 5
        assert [await desk.job.tell_one() for _ in range(2)] == [True, False]
        assert [batch.additions for batch in desk.consent.told] == [(first, second)]
        desk.clock.seconds += 5
        assert [await desk.job.tell_one() for _ in range(2)] == [True, False]
        assert desk.consent.told[1].additions == (other,)
        assert await desk.rows.count_documents({}) == 0


@both_drivers
async def test_a_batch_that_is_told_again_is_the_same_batch(database: tuple[Any, Any]) -> None:
    """So consent knows it: what came meanwhile is another."""
    async with desk_of(database) as desk:
        await desk.deposit("a")
        desk.clock.seconds += 10
        desk.consent.error = Unavailable("DEPENDENCY_UNAVAILABLE", "gone")
        assert await desk.try_one()
        await desk.deposit("b")
        assert not await desk.job.tell_one(), "not at once"
        desk.consent.error = None
        desk.clock.seconds += 10
        assert [await desk.job.tell_one() for _ in range(3)] == [True, True, False]
        lost, again, other = desk.consent.told
        assert (lost.request_id, lost.additions) == (again.request_id, again.additions)
        assert other.request_id != again.request_id


@both_drivers
async def test_a_process_that_dies_leaves_its_batch_to_another_and_two_share_none(database: tuple[Any, Any]) -> None:
    async with desk_of(database) as desk:
        for number in range(6):
            await desk.deposit(f"d{number}", f"r{number % 2}")
        desk.clock.seconds += 10
        taken = await asyncio.gather(*(desk.additions.take(desk.clock.now(), again_after=TAKEN_FOR) for _ in range(4)))
        documents = [one.document for batch in taken if batch for one in batch.additions]
        assert (len(documents), len(set(documents))) == (6, 6)
        assert not await desk.job.tell_one(), "nobody else has them as long as he may live"
        desk.clock.seconds += TAKEN_FOR.total_seconds()
        while await desk.job.tell_one():
            pass
        assert {one.request_id for one in desk.consent.told} == {batch.request_id for batch in taken if batch}


async def test_a_thousand_deposits_are_few_calls(database: tuple[Any, Any]) -> None:
    async with desk_of(database) as desk:
        for number in range(MOST + 1):
            await desk.deposit(f"{number:04}")
        desk.clock.seconds += 10
        while await desk.job.tell_one():
            pass
        assert [len(batch.additions) for batch in desk.consent.told] == [MOST, 1]


async def test_what_consent_refuses_is_an_alarm_and_holds_up_no_other(database: tuple[Any, Any]) -> None:
    async with desk_of(database) as desk:
        await desk.deposit("a")
        desk.clock.seconds += 10
        desk.consent.error = InvalidArgument("INVALID_FIELD", "required", field="documents")
        with capture_logs() as logs:
            assert await desk.job.tell_one()
        desk.consent.error = None
        await desk.deposit("b", "other")
        desk.clock.seconds += 10
        assert [await desk.job.tell_one() for _ in range(2)] == [True, False]
        assert [line["event"] for line in logs if line["log_level"] == "error"] == ["additions.refused"]
        assert "documents/" not in str(logs)
        desk.clock.seconds += 600
        assert await desk.job.tell_one(), "it is tried again"


async def test_of_a_record_that_is_gone_there_is_nobody_to_tell(database: tuple[Any, Any]) -> None:
    async with desk_of(database) as desk:
        await desk.deposit("a")
        desk.clock.seconds += 10
        desk.consent.error = NotFound("NOT_FOUND", "gone")
        assert await desk.job.tell_one()
        assert await desk.rows.count_documents({}) == 0


async def test_the_stored_row_tells_neither_what_nor_by_whom_and_moved_it_is_told_to_nobody(database: tuple[Any, Any]) -> None:
    """S9."""
    async with desk_of(database) as desk:
        await desk.deposit("a")
        row = str(await desk.rows.find_one({}))
        assert not any(word in row for word in ("ines", "structures", "11488", "MASQUE"))
        await desk.rows.update_many({}, {"$set": {"record": "other"}})
        desk.clock.seconds += 10
        with capture_logs() as logs:
            assert not await desk.job.tell_one()
        assert [line["event"] for line in logs if line["log_level"] == "error"] == ["addition.seal_broken"]
        assert desk.consent.told == []


async def test_deposits_are_told_with_the_labels_they_are_kept_with(documents: Documents) -> None:
    """rules.md 12 and 14: those of a replaced document too; a repeated or refused deposit tells nothing."""
    content, hidden = Cda().render(), [entry_pb.VISIBILITY_HIDDEN_FROM_PATIENT]
    first = await documents.client().submit(content, visibilities=hidden)
    await documents.client().submit(content, visibilities=hidden)
    replacing = await documents.client().submit(Cda(unique_id="1.2.9", replaces=first.entry.unique_id).render())
    await eventually(lambda: len(documents.notices.told) == 2)
    told = {one.document.name: one for one in documents.notices.told}
    assert set(told) == {first.entry.name, replacing.entry.name}
    for one in told.values():
        assert list(one.document.visibilities) == ["INVISIBLE_PATIENT"]
        assert (one.document.document_class, one.document.document_type) == ("10", "11488-4")
        assert (one.depositor, one.document.depositor, one.document.structure) == (
            "professionals/ines",
            "professionals/ines",
            "structures/cabinet",
        )


async def test_a_consent_that_hangs_or_is_gone_delays_no_deposit_and_is_told_when_it_is_back(documents: Documents) -> None:
    documents.notices.hanging = asyncio.Event()
    kept = [await documents.client().submit(Cda(unique_id=f"1.2.{number}").render()) for number in range(3)]
    store = await documents.store()
    assert await store.additions.count_documents({"record": RECORD.partition("/")[2]}) == 3
    documents.notices.hanging.set()
    await eventually(lambda: {one.document.name for one in documents.notices.told} == {one.entry.name for one in kept})
