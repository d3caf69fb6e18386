"""A change of a person, its event and its answer are one: on both drivers, with what happens in between."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from carnet_identity.domain.identity_evidence import NO_EVIDENCE
from carnet_identity.domain.identity_status import IdentityStatus
from carnet_identity.domain.patient import Patient
from carnet_identity.domain.traits import Sex, Traits
from carnet_identity.domain.withdrawal import Withdrawal
from carnet_identity.storage.due_life_news import DueLifeNews
from carnet_identity.storage.due_withdrawals import DueWithdrawals
from carnet_identity.storage.indexes import open_collections
from carnet_identity.storage.patients import PatientStore
from carnet_identity.storage.sessions import SessionStore
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.change_patient import ChangePatient, PatientRevision, PatientVersion
from carnet_identity.usecases.record_death import RecordDeath
from carnet_identity.usecases.update_patient import UpdatePatient
from carnet_identity.usecases.withdraw import Withdraw
from carnet_platform.changes import ChangeLog
from carnet_platform.clock import SystemClock
from carnet_platform.errors import Refusal, Unavailable
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Session as StoreSession
from carnet_platform.mongo import in_transaction
from component.identity.opened_session import session_of
from support.calls import calling, user_of
from support.dominique import INS
from support.drivers import AT_LENGTH_ON_BOTH

pytestmark = pytest.mark.parametrize("database", AT_LENGTH_ON_BOTH, indirect=True)

KEYS = MasterKeys({"2026-01-01": b"m" * 32}, b"d" * 32)
NOW = datetime.now(UTC)
ALICE = user_of("professionals/alice")
HER = Patient(
    id="a" * 26,
    ins=INS,
    traits=Traits(birth_family_name="PAT-TROIS", first_given_name="DOMINIQUE", birth_date="19790328", sex=Sex.FEMALE),
    status=IdentityStatus.PROVISIONAL,
)


VERSION = PatientVersion(patient_id=HER.id, etag=HER.etag)


class LostAnswersError(Exception):
    """The memory of requests is gone."""


class WatchedRequests(Requests):
    """The platform's own, and what happens meanwhile."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def remember(self, session: StoreSession, asked: Asked, answer: bytes) -> None:
        """As ever; then what happens."""
        await super().remember(session, asked, answer)
        if self.meanwhile is not None:
            await self.meanwhile()


class Registry:
    """The changes of persons on real stores; what stands around them is this test's: consent, mandates, the memory of requests."""

    def __init__(self, client: Any, collections: Any, changes: ChangeLog, requests: WatchedRequests) -> None:  # noqa: ANN401 - as the fixture gives
        self.client, self.changes, self.requests = client, changes, requests
        self.patients, self.due = PatientStore(collections.patients, KEYS), DueWithdrawals(collections.due_withdrawals)
        self.sessions = SessionStore(collections.sessions)
        clock, acting = SystemClock(), ActingUser(self.sessions, self.due)
        revise = PatientRevision(self.patients, changes, clock)
        self._update = UpdatePatient(ChangePatient(client, acting, requests, revise))
        withdraw = Withdraw(
            client, requests, self.due, self, clock, acknowledge_after=timedelta(milliseconds=505), tokens_live=timedelta(minutes=6)
        )
        self._death = RecordDeath(acting, revise, self, withdraw, DueLifeNews(collections.due_life_news), clock)
        self.told: list[str] = []
        self.ended = 0
        self.is_consent_down = False

    async def register(self, withdrawal: Withdrawal) -> None:
        """Stands for consent."""
        if self.is_consent_down:
            raise Unavailable("DEPENDENCY_UNAVAILABLE", "down")
        self.told.append(withdrawal.subject)

    async def end_of(self, session: StoreSession, patient: str, now: datetime) -> Sequence[str]:
        """Stands for the mandates: she has one."""
        assert session.in_transaction
        assert now >= NOW
        self.ended += 1
        return [f"mandates/of-{patient.removeprefix('patients/')[:3]}"]

    async def move(self, commune: str, request_id: str = "") -> bytes:
        """Changes her residence from the first version."""
        return await self._update(_asked("UpdatePatient", request_id), VERSION, HER.traits, commune, NO_EVIDENCE, _told)

    async def die(self, request_id: str) -> bytes:
        """States her death."""
        return await self._death(_asked("RecordDeath", request_id), VERSION, "20260120", "seen", _told)

    async def stored(self) -> tuple[Patient | None, int]:
        """Her, and the number of her last event."""
        return await self.patients.find(HER.id), await self.changes.last_revision(HER.name)


def _asked(method: str, request_id: str) -> Asked:
    return Asked(method, ALICE.subject, request_id or str(uuid.uuid4()), b"x")


def _told(patient: Patient) -> bytes:
    return f"{patient.revision} {patient.residence_commune} {patient.is_deceased}".encode()


@pytest.fixture
async def registry(database: tuple[Any, Any]) -> AsyncIterator[Registry]:
    client, opened = database
    registry = Registry(
        client, await open_collections(opened), await ChangeLog.open(opened, KEYS), await WatchedRequests.open(opened, KEYS)
    )
    await registry.sessions.insert(session_of(ALICE, NOW))

    async def register(session: StoreSession) -> None:
        await registry.patients.insert(session, HER)
        await registry.changes.append(session, HER.name, b"{}", revision=1)

    await in_transaction(client, register)
    with calling(ALICE):
        yield registry


async def test_a_change_its_event_and_its_answer_are_one(registry: Registry) -> None:
    async def lose() -> None:
        raise LostAnswersError

    registry.requests.meanwhile = lose
    with pytest.raises(LostAnswersError):
        await registry.move("33063")
    assert await registry.stored() == (HER, 1)
    registry.requests.meanwhile = None
    assert await registry.move("33063") == b"2 33063 False"
    assert await registry.stored() == (replace(HER, residence_commune="33063", revision=2), 2)


async def test_of_many_changes_of_one_version_one_is_stored_and_the_others_are_told(registry: Registry) -> None:
    async def move(number: int) -> str:
        try:
            return (await registry.move(f"330{number}")).decode()
        except Refusal as refusal:
            return refusal.reason

    told = await asyncio.gather(*(move(number) for number in range(10, 18)))
    assert sorted(told)[1:] == ["ETAG_MISMATCH"] * 7
    her, events = await registry.stored()
    assert her is not None
    assert (her.revision, events) == (2, 2)


async def test_one_request_sent_many_times_at_once_changes_once(registry: Registry) -> None:
    request_id = str(uuid.uuid4())
    assert set(await asyncio.gather(*(registry.move("33063", request_id) for _ in range(6)))) == {b"2 33063 False"}
    assert (await registry.stored())[1] == 2


async def test_whoever_is_withdrawn_meanwhile_gets_no_answer_and_the_change_stands(registry: Registry) -> None:
    """Promise 2: the session is looked at twice."""

    async def withdraw() -> None:
        await registry.due.add([Withdrawal(subject="sessions/s1", request_id="r1", expire_time=NOW + timedelta(minutes=6))])

    registry.requests.meanwhile = withdraw
    with pytest.raises(Refusal, match="SESSION_WITHDRAWN"):
        await registry.move("33063")
    assert (await registry.stored())[1] == 2


async def test_a_death_ends_her_mandates_with_her_sessions(registry: Registry) -> None:
    """rules.md 17: one transaction, one withdrawal of all."""
    assert await registry.die(str(uuid.uuid4())) == b"2  True"
    assert registry.told == [HER.name, "mandates/of-aaa"]
    assert await registry.due.is_any_withdrawn([HER.name])
    assert await registry.due.is_any_withdrawn(["mandates/of-aaa"])
    assert await registry.due.some() == []


async def test_a_death_that_consent_did_not_hear_of_is_due_and_a_retry_marks_nothing_twice(registry: Registry) -> None:
    """Promise 3: nothing is acknowledged that does not hold."""
    request_id = str(uuid.uuid4())
    registry.is_consent_down = True
    with pytest.raises(Unavailable):
        await registry.die(request_id)
    her, events = await registry.stored()
    assert her is not None
    assert (her.is_deceased, events, len(await registry.due.some())) == (True, 2, 2)
    registry.is_consent_down = False
    assert await registry.die(request_id) == b"2  True"
    assert await registry.die(request_id) == b"2  True"
    assert (registry.told, registry.ended) == ([HER.name, "mandates/of-aaa"], 1)
    assert (await registry.stored())[1] == 2
