"""Who may use the registry of persons, while withdrawals happen: on real stores, with an event record that takes its time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from carnet_identity.domain.ins import Ins
from carnet_identity.domain.withdrawal import Withdrawal
from carnet_identity.storage.due_withdrawals import DueWithdrawals
from carnet_identity.storage.indexes import open_collections
from carnet_identity.storage.patients import PatientStore
from carnet_identity.storage.rate_counts import RateCounts
from carnet_identity.storage.sessions import SessionStore
from carnet_identity.storage.standing import Standing
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.lookup_patient import LookupPatient
from carnet_identity.usecases.meter import LOOKUP, Meter
from carnet_platform.clock import SystemClock
from carnet_platform.errors import Denied, NotFound, Refusal, Unauthenticated
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import in_transaction
from component.identity.looking import OFTEN
from component.identity.opened_session import session_of
from component.identity.running import TEST_NUMBERS
from support.calls import calling, user_of
from support.drivers import AT_LENGTH_ON_BOTH

KEYS = MasterKeys({"2026-01-01": b"m" * 32}, b"d" * 32)
BOTH_DRIVERS = pytest.mark.parametrize("database", AT_LENGTH_ON_BOTH, indirect=True)
NOW = datetime.now(UTC)
ALICE = user_of("professionals/alice")


class Stores:
    """The stores, a session of Alice's, and an event record in whose waiting something happens."""

    def __init__(self, client: Any, collections: Any) -> None:  # noqa: ANN401 - as the fixture gives them
        self.client = client
        self.sessions, self.due = SessionStore(collections.sessions), DueWithdrawals(collections.due_withdrawals)
        self.standing = Standing(collections.sessions, collections.due_withdrawals)
        acting = ActingUser(self.standing, self.standing)
        meter = Meter(RateCounts(None, KEYS, SystemClock(), share=1), {LOOKUP: OFTEN}, self, SystemClock())
        self.look_up = LookupPatient(PatientStore(collections.patients, KEYS), acting, meter, self, SystemClock())
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        self.events = 0

    async def append(self, payload: bytes) -> int:
        """Stands for the journal: durable on return."""
        assert payload
        if self.meanwhile is not None:
            await self.meanwhile()
        self.events += 1
        return self.events

    async def outcome(self) -> str:
        """Why looking a person up is refused; nobody is registered."""
        with pytest.raises(Refusal) as raised:
            await self.look_up(Ins("279035121518989", TEST_NUMBERS))
        return raised.value.reason


@pytest.fixture
async def stores(database: tuple[Any, Any]) -> AsyncIterator[Stores]:
    opened = Stores(database[0], await open_collections(database[1]))
    await opened.sessions.insert(session_of(ALICE, NOW))
    with calling(ALICE):
        yield opened


def _withdrawal(subject: str, request_id: str = "r1") -> Withdrawal:
    return Withdrawal(subject=subject, request_id=request_id, expire_time=NOW + timedelta(minutes=6))


@BOTH_DRIVERS
@pytest.mark.parametrize(
    "subject",
    ["sessions/s1", "professionals/alice", "activities/alice/practice", "structures/practice", "certificates/thumbprint"],
)
async def test_what_is_withdrawn_while_the_event_is_made_durable_is_not_answered(stores: Stores, subject: str) -> None:
    """Promise 2: looked again after the event; told to consent or not."""
    assert await stores.outcome() == "NOT_FOUND"

    async def withdraw() -> None:
        await stores.due.add([_withdrawal(subject)])
        await stores.due.done(_withdrawal(subject))

    stores.meanwhile = withdraw
    assert await stores.outcome() == "SESSION_WITHDRAWN"
    assert stores.events == 2
    stores.meanwhile = None
    assert await stores.outcome() == "SESSION_WITHDRAWN"
    assert stores.events == 2


@BOTH_DRIVERS
async def test_those_who_are_looked_at_together_are_each_told_their_own(stores: Stores) -> None:
    await stores.sessions.insert(replace(session_of(ALICE, NOW), id="s2", subject="professionals/bruno"))
    await stores.due.add([_withdrawal("professionals/bruno")])
    look, is_withdrawn = stores.standing.find, stores.standing.is_any_withdrawn
    for _ in range(3):
        answers = await asyncio.gather(
            *(look(session) for session in ("s1", "s2", "s3")),
            is_withdrawn(["sessions/s1", "professionals/alice"]),
            is_withdrawn(["sessions/s2", "professionals/bruno"]),
            is_withdrawn([]),
        )
        subjects = [session and session.subject for session in answers[:3] if not isinstance(session, bool)]
        assert subjects == ["professionals/alice", "professionals/bruno", None]
        assert answers[3:] == [False, True, False]
    assert await stores.standing.find("s1") == await stores.sessions.find("s1")


@BOTH_DRIVERS
async def test_a_session_that_ends_while_the_event_is_made_durable_is_not_answered(stores: Stores) -> None:
    async def revoke() -> None:
        await in_transaction(stores.client, lambda session: stores.sessions.revoke(session, "s1", NOW))

    stores.meanwhile = revoke
    assert await stores.outcome() == "SESSION_WITHDRAWN"


async def test_somebody_elses_withdrawal_refuses_nobody_and_only_professionals_are_let_in(stores: Stores) -> None:
    await stores.due.add([_withdrawal("sessions/s2"), _withdrawal("activities/alice/hospital"), _withdrawal("professionals/bruno")])
    with pytest.raises(NotFound):
        await stores.look_up(Ins("279035121518989", TEST_NUMBERS))
    with calling(user_of("patients/alice")), pytest.raises(Denied, match="ROLE_NOT_ALLOWED"):
        await stores.look_up(Ins("279035121518989", TEST_NUMBERS))


@BOTH_DRIVERS
async def test_a_withdrawal_is_told_once_and_known_until_it_ends(stores: Stores) -> None:
    await stores.due.add([_withdrawal("sessions/s1")])
    await stores.due.done(_withdrawal("sessions/s1", "an earlier one"))
    assert len(await stores.due.some()) == 1
    await stores.due.done(_withdrawal("sessions/s1"))
    assert await stores.due.some() == []
    assert await stores.due.is_any_withdrawn(["sessions/s1"])
    await stores.due.add([_withdrawal("sessions/s1", "r2")])
    assert [one.request_id for one in await stores.due.some()] == ["r2"]
    await stores.due.forget_expired(NOW + timedelta(minutes=7))
    assert not await stores.due.is_any_withdrawn(["sessions/s1"])


@BOTH_DRIVERS
async def test_an_assertion_opens_one_session_whatever_redis_remembers(stores: Stores) -> None:
    """S1: the mark of an assertion is unique among sessions; those without one are many."""
    session = session_of(ALICE, NOW)
    await stores.sessions.insert(replace(session, id="s2"))
    await stores.sessions.insert(replace(session, id="s3", assertion_mark=b"m" * 32))
    with pytest.raises(Unauthenticated, match="ASSERTION_REPLAYED"):
        await stores.sessions.insert(replace(session, id="s4", assertion_mark=b"m" * 32))
