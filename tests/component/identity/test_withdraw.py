"""The verb that all withdrawals share: marked once, told to consent, acknowledged 505 ms later, whoever dies in between."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from carnet_identity.domain.withdrawal import Withdrawal
from carnet_identity.storage.due_withdrawals import DueWithdrawals
from carnet_identity.storage.indexes import open_collections
from carnet_identity.usecases.tell_withdrawals import TellWithdrawals
from carnet_identity.usecases.withdraw import Marked, Withdraw
from carnet_platform.clock import SystemClock
from carnet_platform.errors import AlreadyExists, NotFound, Unavailable
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.mongo import Session
from support.drivers import AT_LENGTH_ON_BOTH
from support.journals import some_keys
from support.waiting import eventually_answers

BOTH_DRIVERS = pytest.mark.parametrize("database", AT_LENGTH_ON_BOTH, indirect=True)
SUBJECTS = ["mandates/a", "patients/a", "mandates/a"]


class Consent:
    """Stands for consent, as the port tells of it."""

    def __init__(self) -> None:
        self.told: list[Withdrawal] = []
        self.committed = 0.0
        self.is_down = False
        self.answers = asyncio.Event()
        self.answers.set()

    async def register(self, withdrawal: Withdrawal) -> None:
        await self.answers.wait()
        if self.is_down:
            raise Unavailable("DEPENDENCY_UNAVAILABLE", "down")
        self.told.append(withdrawal)
        self.committed = time.monotonic()


@dataclass
class Marking:
    """A use case whose mark is counted in the store."""

    rows: Any
    consent: Consent
    due: DueWithdrawals
    withdraw: Withdraw
    teller: TellWithdrawals

    async def mark(self, store: Session) -> Marked:
        await self.rows.update_one({"_id": "marks"}, {"$inc": {"number": 1}}, upsert=True, session=store)
        return Marked(b"the answer", SUBJECTS)

    async def marks(self) -> int:
        found = await self.rows.find_one({"_id": "marks"})
        return 0 if found is None else int(found["number"])

    async def __call__(self, request_id: str = "r1", content: bytes = b"content") -> bytes:
        return await self.withdraw(Asked("Suspend", "somebody", request_id, content), self.mark)


@pytest.fixture
async def marking(database: tuple[Any, Any]) -> Marking:
    client, store = database
    collections, consent, clock = await open_collections(store), Consent(), SystemClock()
    due = DueWithdrawals(collections.due_withdrawals)
    withdraw = Withdraw(
        client,
        await Requests.open(store, some_keys()),
        due,
        consent,
        clock,
        acknowledge_after=timedelta(milliseconds=505),
        tokens_live=timedelta(minutes=6),
    )
    return Marking(store["marks"], consent, due, withdraw, TellWithdrawals(due, consent, clock, timedelta(seconds=1)))


@BOTH_DRIVERS
async def test_it_is_acknowledged_505_ms_after_consent_has_each_of_them(marking: Marking) -> None:
    """Promise 2; architecture.md 5, "One fence"."""
    assert await marking() == b"the answer"

    assert time.monotonic() - marking.consent.committed >= 0.505
    assert [one.subject for one in marking.consent.told] == ["mandates/a", "patients/a"]
    ends = {one.expire_time for one in marking.consent.told}
    assert max(ends) - datetime.now(UTC) > timedelta(minutes=5, seconds=50)
    assert await marking.due.some() == []
    assert await marking.due.is_any_withdrawn(["patients/a"])


@BOTH_DRIVERS
async def test_a_retry_gets_the_first_answer_at_once_and_another_content_is_refused(marking: Marking) -> None:
    await marking()
    begun = time.monotonic()
    assert await marking() == b"the answer"
    assert time.monotonic() - begun < 0.505
    assert (await marking.marks(), len(marking.consent.told)) == (1, 2)
    with pytest.raises(AlreadyExists, match="REQUEST_ID_REUSED"):
        await marking(content=b"another")


@BOTH_DRIVERS
async def test_a_consent_that_is_down_is_told_by_the_background_job_and_a_retry_marks_nothing_twice(marking: Marking) -> None:
    marking.consent.is_down = True
    with pytest.raises(Unavailable):
        await marking()
    assert len(await marking.due.some()) == 2
    assert await marking.due.is_any_withdrawn(["mandates/a"]), "identity itself refuses at once"

    marking.consent.is_down = False
    assert await marking.teller.once() == 2
    assert await marking() == b"the answer"
    assert await marking.marks() == 1


@BOTH_DRIVERS
async def test_a_death_after_the_mark_leaves_it_to_others_and_a_retry_waits_until_it_holds(marking: Marking) -> None:
    """Whoever retries hears of it only 505 ms after consent has it."""
    marking.consent.answers.clear()
    dying = asyncio.create_task(marking())

    async def is_marked() -> bool:
        return await marking.marks() == 1

    await eventually_answers(is_marked)
    dying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dying
    marking.consent.answers.set()

    assert await marking() == b"the answer"
    assert time.monotonic() - marking.consent.committed >= 0.505
    assert await marking.marks() == 1
    assert await marking.due.some() == []


@BOTH_DRIVERS
async def test_two_of_the_same_request_at_once_mark_once(marking: Marking) -> None:
    assert await asyncio.gather(*(marking() for _ in range(4))) == [b"the answer"] * 4
    assert await marking.marks() == 1


@BOTH_DRIVERS
async def test_a_mark_that_refuses_leaves_nothing(marking: Marking) -> None:
    async def refusing(store: Session) -> Marked:
        await marking.mark(store)
        raise NotFound("NOT_FOUND", "no")

    with pytest.raises(NotFound):
        await marking.withdraw(Asked("Suspend", "somebody", "r1", b"content"), refusing)
    assert (await marking.marks(), await marking.due.some(), marking.consent.told) == (0, [], [])


@BOTH_DRIVERS
async def test_a_longer_withdrawal_of_the_same_subject_stays_due(marking: Marking) -> None:
    """A stopped certificate is told for a quarter of an hour; a shorter one of the same name must not hide that."""
    later = datetime.now(UTC) + timedelta(minutes=15)
    longer = Withdrawal(subject="patients/a", request_id="2f1a8e8e-0000-4000-8000-000000000000", expire_time=later)
    await marking.due.add([longer])

    await marking()

    [left] = await marking.due.some()
    assert left.subject == "patients/a"
    assert left.expire_time - later < timedelta(milliseconds=1)
