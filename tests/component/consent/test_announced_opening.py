"""Announced opening: six weeks to oppose, then a record (CSP L1111-14, R1111-28)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from carnet.consent.v1 import record_pb2
from carnet.consent.v1 import record_service_pb2 as pb
from carnet_consent.domain.person import PersonStatus
from carnet_platform.errors import Refusal
from component.consent.conftest import DOCTOR, HOLDER, OTHER_PERSON, KnownPersons, Running, TestClock, new_request, settings, started
from component.consent.life import (
    INSURER,
    acting_under,
    announce,
    close,
    events,
    get,
    look_up,
    oppose_opening,
    pass_time,
    reopen,
    told,
)

BOTH_DRIVERS = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
SIX_WEEKS = timedelta(weeks=6)
GUARDIAN = acting_under("ADULT_REPRESENTATION")


@pytest.fixture
async def announcing(database: tuple[Any, Any]) -> AsyncIterator[Running]:
    """Consent where records are opened by announcement, in two departements."""
    clock, identity = TestClock(), KnownPersons()
    for patient in (HOLDER.subject, OTHER_PERSON.subject):
        identity.persons[patient] = PersonStatus(is_qualified=True, revision=1, departement="67")
    configured = settings(opening="ANNOUNCED", open_departements=frozenset({"67", "2A"}))
    async with started(database, configured, clock, identity) as one:
        yield one


async def reason_of(refused: Any) -> str:  # noqa: ANN401 - any call
    """The reason with which a call is refused."""
    with pytest.raises(Refusal) as raised:
        await refused
    return raised.value.reason


@BOTH_DRIVERS
async def test_a_record_opens_when_nobody_has_opposed_it_for_six_weeks(announcing: Running) -> None:
    record = await announce(announcing)

    assert await announcing.answer(DOCTOR, record) == "NOT_FOUND"
    found = await look_up(announcing, DOCTOR)
    assert (found.availability, found.record) == (pb.RECORD_AVAILABILITY_NO_RECORD, "")
    found = await look_up(announcing, HOLDER)
    assert (found.availability, found.record) == (pb.RECORD_AVAILABILITY_OPENING_ANNOUNCED, record)
    seen = await get(announcing, record)
    assert seen.state == record_pb2.RECORD_STATE_ANNOUNCED
    assert seen.HasField("opening_due_time")
    assert await pass_time(announcing, SIX_WEEKS - timedelta(minutes=1)) == 0
    assert await pass_time(announcing, timedelta(minutes=1)) == 1

    assert await announcing.answer(DOCTOR, record) == "NEEDS_CONSENT"
    assert (await get(announcing, record)).state == record_pb2.RECORD_STATE_ACTIVE
    kinds = [(one.kind, one.actor.role) for one in await events(announcing, record)]
    assert kinds == [("record.opening_announced", "INSURER"), ("record.opened_as_announced", "PLATFORM")]


@BOTH_DRIVERS
async def test_an_opposition_is_kept_and_only_her_consent_takes_it_back(announcing: Running) -> None:
    record = await announce(announcing)
    assert await reason_of(oppose_opening(announcing, OTHER_PERSON, record)) == "NOT_FOUND"
    assert await reason_of(oppose_opening(announcing, DOCTOR, record)) == "NOT_FOUND"

    await oppose_opening(announcing, HOLDER, record)

    assert await reason_of(oppose_opening(announcing, HOLDER, record)) == "STATE_FORBIDS"
    assert await pass_time(announcing, SIX_WEEKS) == 0
    assert await reason_of(announce(announcing)) == "RECORD_EXISTS"
    assert (await look_up(announcing, HOLDER)).availability == pb.RECORD_AVAILABILITY_OPENING_OPPOSED
    assert (await look_up(announcing, DOCTOR)).availability == pb.RECORD_AVAILABILITY_NO_RECORD
    for verb in (close(announcing, DOCTOR, record), reopen(announcing, DOCTOR, record), reopen(announcing, HOLDER, record)):
        assert await reason_of(verb) == "NOT_FOUND"
    assert await announcing.open() == record
    assert await announcing.answer(DOCTOR, record) == "permit"
    kinds = [one.kind for one in await events(announcing, record)]
    assert kinds == ["record.opening_announced", "record.opening_opposed", "record.opened", "authorisation.created"]


async def test_who_represents_a_protected_adult_opposes_for_her_and_nobody_after_the_opening(announcing: Running) -> None:
    record = await announce(announcing)
    await oppose_opening(announcing, GUARDIAN, record)
    other = await announce(announcing, patient=OTHER_PERSON.subject)
    await pass_time(announcing, SIX_WEEKS)
    assert await reason_of(oppose_opening(announcing, OTHER_PERSON, other)) == "STATE_FORBIDS"


async def test_the_other_way_of_opening_is_refused_with_the_reason(announcing: Running) -> None:
    assert await reason_of(announcing.open()) == "OPENING_WAY_NOT_OFFERED"
    await announce(announcing)
    assert await reason_of(announcing.open()) == "OPENING_WAY_NOT_OFFERED"


async def test_where_records_open_on_request_none_is_announced(running: Running) -> None:
    assert await reason_of(announce(running)) == "OPENING_WAY_NOT_OFFERED"
    for who in (DOCTOR, HOLDER):
        assert await reason_of(announce(running, who)) == "ROLE_NOT_ALLOWED"


async def test_a_record_is_announced_once_for_a_living_qualified_person_of_an_open_departement(announcing: Running) -> None:
    """domain.md 2: departements are opened one by one."""
    persons = announcing.identity.persons
    for status, reason in (
        (PersonStatus(is_qualified=False, revision=2, departement="67"), "IDENTITY_NOT_QUALIFIED"),
        (PersonStatus(is_qualified=True, is_deceased=True, revision=2, departement="67"), "PERSON_DECEASED"),
        (PersonStatus(is_qualified=True, revision=2, departement="75"), "DEPARTEMENT_NOT_OPEN"),
        (PersonStatus(is_qualified=True, revision=2), "DEPARTEMENT_NOT_OPEN"),
    ):
        persons[HOLDER.subject] = status
        assert await reason_of(announce(announcing)) == reason
    persons[HOLDER.subject] = PersonStatus(is_qualified=True, revision=2, departement="2A")
    request_id = new_request()
    results = await asyncio.gather(
        *(announce(announcing, request_id=request_id) for _ in range(2)), announce(announcing), return_exceptions=True
    )
    assert [one for one in results[:2] if isinstance(one, Refusal)] in ([], results[:2])
    assert await announcing.database["records"].count_documents({}) == 1


async def test_no_record_opens_for_one_who_died_meanwhile_and_a_mistake_gives_the_whole_time_again(announcing: Running) -> None:
    record = await announce(announcing)
    await told(announcing, is_deceased=True, revision=2)
    assert await pass_time(announcing, SIX_WEEKS) == 0

    await told(announcing, is_deceased=False, revision=3)

    assert await pass_time(announcing, SIX_WEEKS - timedelta(minutes=1)) == 0
    assert await pass_time(announcing, timedelta(minutes=1)) == 1
    assert (await events(announcing, record))[-1].kind == "record.opened_as_announced"


async def test_a_death_that_consent_was_not_told_of_is_seen_before_the_record_opens(announcing: Running) -> None:
    record = await announce(announcing)
    announcing.identity.persons[HOLDER.subject] = PersonStatus(is_qualified=True, is_deceased=True, revision=2, departement="67")

    await pass_time(announcing, SIX_WEEKS)

    assert (await get(announcing, record)).state == record_pb2.RECORD_STATE_ANNOUNCED
    assert await pass_time(announcing, SIX_WEEKS) == 0


async def test_an_announcement_lacks_nothing(announcing: Running) -> None:
    assert await reason_of(announce(announcing, INSURER, patient="holder")) == "INVALID_FIELD"
    assert await reason_of(announce(announcing, INSURER, patient="patients/unknown")) == "NOT_FOUND"
