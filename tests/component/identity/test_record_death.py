"""A death, its evidence and its undoing (rules.md 17), on a real process."""

import time
from typing import Any

import grpc
import pytest
from carnet.common.v1 import purpose_of_use_pb2 as purposes
from carnet.identity.v1 import patient_pb2
from carnet.identity.v1 import patient_registry_service_pb2 as pb
from carnet.identity.v1 import session_service_pb2 as session_pb
from component.identity.neighbours import Neighbours
from component.identity.provider import Provider
from component.identity.running import TEST_NUMBERS, Running, refused
from component.identity.software import Software, change_of, death, kinds
from support.waiting import wait_until

PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
PATIENT_REQUEST = purposes.PURPOSE_OF_USE_PATIENT_REQUEST


def _log_in(identity: Running, provider: Provider, number: str) -> session_pb.ExchangeAssertionResponse:
    assertion = provider.sign(provider.patient_claims(number, TEST_NUMBERS))
    return identity.exchange(assertion, structure="", purpose=PATIENT_REQUEST, name="portal")


def test_a_death_withdraws_the_person_and_no_session_is_given_until_it_is_undone(
    software: Software, identity: Running, provider: Provider, patient: patient_pb2.Patient, neighbours: Neighbours
) -> None:
    """rules.md 17: stated with evidence; sessions end; a mistake can be undone. Promise 2: acknowledged 505 ms after consent has it."""
    number = patient.ins.value
    _log_in(identity, provider, number)
    dead = software.call(software.registry.RecordDeath, death(patient)).patient
    acknowledged = time.monotonic()
    assert acknowledged - neighbours.consent.withdrawals[patient.name][1] >= 0.505
    assert (dead.death.death_date, dead.death.evidence) == ("20260120", "certificate no. 12, Bordeaux")
    answer = refused(lambda: _log_in(identity, provider, number))
    assert (answer.code, answer.reason) == (PRECONDITION, "PERSON_DECEASED")
    undo = pb.UndoDeathRequest(**change_of(dead, reason="the certificate was another person's"))
    alive = software.call(software.registry.UndoDeath, undo).patient
    assert not alive.HasField("death")
    assert _log_in(identity, provider, number).subject == patient.name
    wait_until(lambda: (patient.name, 3) in neighbours.audit.changes)
    assert kinds(neighbours, patient.name)[1:] == [("patient.death_recorded", ""), ("patient.death_undone", "")]
    told = [neighbours.audit.changes[patient.name, revision].motive for revision in (2, 3)]
    assert told == ["certificate no. 12, Bordeaux", "the certificate was another person's"]


def test_a_death_is_stated_once_and_only_one_that_is_stated_is_taken_back(software: Software, patient: patient_pb2.Patient) -> None:
    undo = pb.UndoDeathRequest(**change_of(patient, reason="a mistake"))
    answer = software.refused_call(software.registry.UndoDeath, undo)
    assert (answer.code, answer.reason) == (PRECONDITION, "STATE_FORBIDS")
    dead = software.call(software.registry.RecordDeath, death(patient)).patient
    again = software.refused_call(software.registry.RecordDeath, death(dead))
    assert (again.code, again.reason) == (PRECONDITION, "PERSON_DECEASED")


def test_a_retry_of_a_death_gets_the_first_answer_at_once(software: Software, patient: patient_pb2.Patient) -> None:
    request = death(patient)
    first = software.call(software.registry.RecordDeath, request)
    begun = time.monotonic()
    assert software.call(software.registry.RecordDeath, request) == first
    assert time.monotonic() - begun < 0.505


def test_consent_down_leaves_a_death_stated_and_a_retry_goes_on(
    software: Software, identity: Running, provider: Provider, patient: patient_pb2.Patient, neighbours: Neighbours
) -> None:
    """Promise 3: what consent does not know is not acknowledged, and no new session is given meanwhile."""
    request = death(patient)
    neighbours.consent.is_down = True
    try:
        answer = software.refused_call(software.registry.RecordDeath, request)
        assert (answer.code, answer.reason) == (grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")
        assert refused(lambda: _log_in(identity, provider, patient.ins.value)).reason == "PERSON_DECEASED"
    finally:
        neighbours.consent.is_down = False
    first = software.call(software.registry.RecordDeath, request)
    assert first.patient.death.death_date == "20260120"
    assert patient.name in neighbours.consent.withdrawals
    wait_until(lambda: (patient.name, 2) in neighbours.audit.changes)
    assert len(kinds(neighbours, patient.name)) == 2, "marked once"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"death_date": ""}, "death_date"),
        ({"death_date": "19790101"}, "death_date"),
        ({"death_date": "20990000"}, "death_date"),
        ({"evidence": ""}, "evidence"),
        ({"evidence": "x" * 501}, "evidence"),
        ({"evidence": "a\nb"}, "evidence"),
        ({"etag": "x"}, "etag"),
    ],
    ids=["no date", "before birth", "ahead", "no evidence", "too long", "two lines", "another version"],
)
def test_a_death_that_breaks_a_rule_is_not_stated(
    software: Software, patient: patient_pb2.Patient, neighbours: Neighbours, fields: dict[str, Any], field: str
) -> None:
    assert software.refused_call(software.registry.RecordDeath, death(patient, **fields)).field == field
    assert patient.name not in neighbours.consent.withdrawals


def test_consent_is_told_of_a_death_and_of_its_undoing_also_when_it_was_down(
    software: Software, patient: patient_pb2.Patient, neighbours: Neighbours
) -> None:
    """rules.md 17: what happens to the record is for consent, which is told until it has answered."""
    dead = software.call(software.registry.RecordDeath, death(patient)).patient
    wait_until(lambda: neighbours.consent.lives.count(patient.name) == 1)
    neighbours.consent.is_down = True
    software.call(software.registry.UndoDeath, pb.UndoDeathRequest(**change_of(dead, reason="a mistake")))
    assert neighbours.consent.lives.count(patient.name) == 1
    neighbours.consent.is_down = False
    wait_until(lambda: neighbours.consent.lives.count(patient.name) == 2)
