"""Decisions under a mandate, on a real store: what identity says of it now counts, and one that is withdrawn answers nothing."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from carnet.consent.v1 import access_decision_service_pb2 as decision_pb
from carnet.consent.v1 import authorisation_service_pb2 as authorisation_pb
from carnet.consent.v1 import record_service_pb2 as record_pb
from carnet.consent.v1 import withdrawal_service_pb2 as withdrawals
from carnet_consent.domain.mandate import Mandate, MandateKind
from carnet_platform.errors import Denied, InvalidArgument, Refusal, Unauthenticated, Unavailable
from component.consent.conftest import CONTEXT, DOCTOR, HOLDER, Running, Someone, new_request, reason
from google.protobuf.timestamp_pb2 import Timestamp

BOTH_DRIVERS = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
MANDATE, MOTHER = "mandates/m", "patients/mother"
END = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
IN_FORCE = Mandate(MANDATE, "patients/holder", MandateKind.MINOR_REPRESENTATION, END)
CLAIMS = {
    "mandate": MANDATE,
    "on_behalf_of": "patients/holder",
    "mandate_kind": "MINOR_REPRESENTATION",
    "mandate_end": int(END.timestamp()),
}


def mother(role: str = "REPRESENTATIVE", **claims: Any) -> Someone:  # noqa: ANN401 - claims are JSON
    """The mother with a token under her mandate; None leaves a claim out."""
    said = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return Someone(MOTHER, role, purpose="PATIENT_REQUEST", session="sessions/mother", claims=said)


def give(running: Running, mandate: Mandate = IN_FORCE) -> None:
    """Identity knows the mandate as in force."""
    running.identity.mandates[mandate.name, MOTHER] = mandate


async def withdraw(running: Running, subject: str) -> None:
    """Identity withdraws something, and consent has it committed."""
    expire_time = Timestamp()
    expire_time.FromDatetime(datetime.now(UTC) + timedelta(minutes=6))
    request = withdrawals.RegisterWithdrawalRequest(request_id=new_request(), subject=subject, expire_time=expire_time)
    with DOCTOR.calling("/carnet.consent.v1.WithdrawalService/RegisterWithdrawal"):
        await running.withdrawals.RegisterWithdrawal(request, CONTEXT)


async def refused(call: Coroutine[Any, Any, object], kind: type[Refusal]) -> str:
    """The reason of a refusal."""
    with pytest.raises(kind) as caught:
        await call
    return caught.value.reason


@BOTH_DRIVERS
async def test_a_representative_is_permitted_as_the_holder_but_for_what_is_hidden_from_her(running: Running) -> None:
    """rules.md 12; C9."""
    record = await running.open()
    give(running, replace(IN_FORCE, hidden_structures=("structures/hospital",)))
    permit = await running.decide(mother(), record)
    terms = permit.permit.filter
    assert (terms.all_types, permit.patient) == (True, "patients/holder")
    assert list(terms.excluded_visibilities) == ["INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"]
    assert list(terms.excluded_structures) == ["structures/hospital"]
    assert timedelta(days=29) < permit.permit.ends_in.ToTimedelta() < timedelta(days=30)


async def test_a_caregivers_scope_is_never_wider_than_token_or_mandate(running: Running) -> None:
    record = await running.open()
    give(running, replace(IN_FORCE, kind=MandateKind.CAREGIVING, classes=("10", "31")))
    caregiver = mother("CAREGIVER", mandate_kind="CAREGIVING", classes=["31", "44"])
    assert list((await running.decide(caregiver, record)).permit.filter.classes) == ["31"]
    assert await running.answer(mother("CAREGIVER", mandate_kind="CAREGIVING"), record) == "ROLE_NOT_ALLOWED"


async def test_another_persons_record_is_as_good_as_absent(running: Running) -> None:
    other = await running.open(patient="patients/other")
    give(running)
    assert await running.answer(mother(), other) == await running.answer(mother(), "records/absent") == "NOT_FOUND"


@pytest.mark.parametrize(
    "claims",
    [
        {"mandate": None},
        {"mandate": "sessions/m"},
        {"mandate": ["mandates/m"]},
        {"on_behalf_of": None},
        {"on_behalf_of": 7},
        {"mandate_kind": None},
        {"mandate_kind": "NEW_KIND"},
        {"mandate_end": "tomorrow"},
        {"mandate_end": 1},
        {"mandate_end": 1e30},
        {"classes": [7]},
        {"on_behalf_of": "patients/other"},
        {"mandate_kind": "ADULT_REPRESENTATION"},
    ],
    ids=repr,
)
async def test_a_token_that_lacks_misspells_or_contradicts_a_part_is_refused(running: Running, claims: dict[str, Any]) -> None:
    """rules.md 6: what is absent refuses; what contradicts itself refuses."""
    record = await running.open()
    give(running)
    assert await running.answer(mother(**claims), record) == "MANDATE_NOT_IN_FORCE"


async def test_a_mandate_that_identity_no_longer_knows_is_refused(running: Running) -> None:
    record = await running.open()
    assert await running.answer(mother(), record) == "MANDATE_NOT_IN_FORCE"
    give(running, replace(IN_FORCE, end=datetime.now(UTC)))
    assert await running.answer(mother(), record) == "MANDATE_NOT_IN_FORCE"
    give(running)
    assert await running.answer(mother(), record) == "permit"
    running.clock.moved = timedelta(days=31)
    assert await running.answer(mother(), record) == "MANDATE_NOT_IN_FORCE", "no read begins after its end"


async def test_identity_that_does_not_answer_decides_nothing_for_a_mandatary(running: Running) -> None:
    """Promise 3: fails closed. Everybody else is decided as before."""
    record = await running.open()
    give(running)
    running.identity.is_down = True
    assert await refused(running.decide(mother(), record), Unavailable) == "DEPENDENCY_UNAVAILABLE"
    assert await running.answer(HOLDER, record) == "permit"


@BOTH_DRIVERS
@pytest.mark.parametrize("subject", [MANDATE, MOTHER, "sessions/mother"])
async def test_no_read_that_begins_after_the_acknowledgement_of_a_suspension_is_permitted(running: Running, subject: str) -> None:
    """C4: readers ask all the time; what is asked after consent's commit is refused, though identity still said yes."""
    record, after = await running.open(), asyncio.Event()
    give(running)
    answers: list[tuple[bool, str]] = []

    async def ask() -> None:
        for _ in range(60):
            began_after = after.is_set()
            answers.append((began_after, await running.answer(mother(), record)))

    readers = [asyncio.create_task(ask()) for _ in range(4)]
    while not answers:
        await asyncio.wait(readers, timeout=0.01)
    await withdraw(running, subject)
    after.set()
    await asyncio.gather(*readers)
    assert {answer for began_after, answer in answers if began_after} == {"SESSION_WITHDRAWN"}
    assert answers[0] == (False, "permit")
    assert await running.answer(HOLDER, record) == "permit"


async def test_a_minors_representative_changes_the_record_under_her_own_name(running: Running) -> None:
    """domain.md 1.3. The event has her name and the mandate."""
    record = await running.open()
    give(running)
    stated = await running.state(mother(), record, "professionals/stranger", "BLOCK")
    assert stated.authorisation.stated_by == MOTHER
    assert await running.answer(Someone("professionals/stranger", "10", "structures/hospital"), record) == "BLOCKED"
    changes, _ = await running.consent.log.unshipped("", 10)
    actor = json.loads(changes[-1].event.payload)["actor"]
    assert (actor["subject"], actor["role"], actor["mandate"]) == (MOTHER, "REPRESENTATIVE", MANDATE)
    await running.take_back(mother(), stated.authorisation.name)


async def test_a_change_under_a_mandate_that_is_over_or_withdrawn_is_refused(running: Running) -> None:
    record = await running.open()
    over = mother(mandate_end=int(datetime.now(UTC).timestamp()) - 1)
    assert await refused(running.state(over, record, "professionals/x", "BLOCK"), Denied) == "MANDATE_NOT_IN_FORCE"
    await withdraw(running, MANDATE)
    assert await refused(running.state(mother(), record, "professionals/x", "BLOCK"), Unauthenticated) == "SESSION_WITHDRAWN"


async def test_the_list_of_statements_is_the_holders_alone(running: Running) -> None:
    """A minor's secret authorisations stand among them."""
    record = await running.open()
    request = authorisation_pb.ListAuthorisationsRequest(parent=record)
    with mother().calling():
        assert await refused(running.authorisations.ListAuthorisations(request, CONTEXT), Denied) == "ROLE_NOT_ALLOWED"
        told = await running.records.GetRecord(record_pb.GetRecordRequest(name=record), CONTEXT)
    assert told.record.name == record


@BOTH_DRIVERS
async def test_a_document_is_hidden_from_a_representative_by_its_holder(running: Running) -> None:
    """rules.md 13: with documents hidden from any person."""
    record = await running.open()
    give(running)
    document = f"{record}/documents/d"

    def hiding(grantee: str) -> Callable[[], Coroutine[Any, Any, object]]:
        request = authorisation_pb.HideDocumentRequest(request_id=new_request(), document=document, grantee=grantee)
        return lambda: running.authorisations.HideDocument(request, CONTEXT)

    with HOLDER.calling("/carnet.consent.v1.AuthorisationService/HideDocument"):
        await hiding(MOTHER)()
        assert await refused(hiding("sessions/x")(), InvalidArgument) == "INVALID_FIELD"
    assert list((await running.decide(mother(), record)).permit.filter.hidden_documents) == [document]
    with mother().calling("/carnet.consent.v1.AuthorisationService/HideDocument"):
        assert await refused(hiding("patients/father")(), Denied) == "ROLE_NOT_ALLOWED"


async def test_a_representative_opens_and_finds_the_record_of_whom_she_represents(running: Running) -> None:
    give(running)
    record = await running.open(mother())
    with mother().calling():
        found = await running.records.LookupRecord(record_pb.LookupRecordRequest(patient="patients/holder"), CONTEXT)
        assert found.record == record
        elsewhere = record_pb.LookupRecordRequest(patient="patients/other")
        assert await refused(running.records.LookupRecord(elsewhere, CONTEXT), Denied) == "ROLE_NOT_ALLOWED"
    assert await running.answer(mother(), record) == "permit"


@pytest.mark.parametrize("action", [decision_pb.ACTION_READ_HISTORY])
async def test_the_history_is_not_told_under_a_mandate(running: Running, action: decision_pb.Action.ValueType) -> None:
    record = await running.open()
    give(running)
    request = decision_pb.DecideRequest(record=record, purpose="PURPOSE_OF_USE_PATIENT_REQUEST", action=action)  # type: ignore[arg-type]
    with mother().calling():
        assert reason(await running.decisions.Decide(request, CONTEXT)) == "ROLE_NOT_ALLOWED"
