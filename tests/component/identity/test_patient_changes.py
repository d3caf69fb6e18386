"""What changes of a registered person: traits, status, INS (domain.md 1.1), on a real process."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from carnet.identity.v1 import patient_pb2, patient_reference_service_pb2_grpc
from carnet.identity.v1 import patient_reference_service_pb2 as reference_pb
from carnet.identity.v1 import patient_registry_service_pb2 as pb
from carnet.identity.v1 import patient_registry_service_pb2_grpc as registry_grpc
from carnet.identity.v1 import session_service_pb2 as session_pb
from carnet.identity.v1 import session_service_pb2_grpc as session_grpc
from component.identity.dump import dump_of
from component.identity.neighbours import Neighbours
from component.identity.provider import Provider
from component.identity.running import Refused, Running, ins, lines, traits
from component.identity.software import (
    JANUARY,
    MARCH,
    Software,
    change_of,
    death,
    evidence,
    kinds,
    new_number,
    registration,
    status_change,
    update,
)
from google.protobuf.timestamp_pb2 import Timestamp
from support.stores_fixtures import TestStores
from support.waiting import wait_until

INVALID, ABORTED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.ABORTED
PROVISIONAL, RETRIEVED = patient_pb2.IDENTITY_STATUS_PROVISIONAL, patient_pb2.IDENTITY_STATUS_RETRIEVED
VALIDATED, QUALIFIED = patient_pb2.IDENTITY_STATUS_VALIDATED, patient_pb2.IDENTITY_STATUS_QUALIFIED
DOUBTFUL, HOMONYM = patient_pb2.IDENTITY_ATTRIBUTE_DOUBTFUL, patient_pb2.IDENTITY_ATTRIBUTE_HOMONYM


# Registration


@pytest.mark.parametrize(
    ("status", "sent", "field"),
    [
        (RETRIEVED, patient_pb2.IdentityEvidence(), "insi_call_time"),
        (VALIDATED, patient_pb2.IdentityEvidence(insi_call_time=Timestamp(seconds=JANUARY)), "paper"),
        (QUALIFIED, None, "insi_call_time"),
        (QUALIFIED, patient_pb2.IdentityEvidence(insi_call_time=Timestamp(seconds=JANUARY)), "paper"),
        (
            QUALIFIED,
            patient_pb2.IdentityEvidence(
                insi_call_time=Timestamp(seconds=JANUARY), paper=patient_pb2.IdentityPaper.IDENTITY_PAPER_PASSPORT
            ),
            "paper_check_time",
        ),
    ],
)
def test_a_status_without_what_it_rests_on_is_refused(
    software: Software, number: str, status: patient_pb2.IdentityStatus.ValueType, sent: patient_pb2.IdentityEvidence | None, field: str
) -> None:
    """domain.md 1.1, table of statuses."""
    answer = software.refused(registration(number, identity_status=status, identity_evidence=sent))
    assert (answer.code, answer.reason, answer.field) == (INVALID, "IDENTITY_EVIDENCE_REQUIRED", f"identity_evidence.{field}")
    assert software.refused_call(software.registry.LookupPatient, pb.LookupPatientRequest(ins=ins(number))).reason == "NOT_FOUND"


def test_evidence_does_not_lie_ahead_of_the_tolerance(software: Software, number: str) -> None:
    """Settings: 60 s, in which clocks may differ."""
    now = int(time.time())
    answer = software.refused(registration(number, identity_evidence=evidence(now + 120)))
    assert (answer.reason, answer.field) == ("INVALID_FIELD", "identity_evidence.insi_call_time")
    broken = patient_pb2.IdentityEvidence(insi_call_time=Timestamp(seconds=2**40))
    assert software.refused(registration(number, identity_evidence=broken)).field == "identity_evidence.insi_call_time"
    unknown = patient_pb2.IdentityEvidence(paper=patient_pb2.IdentityPaper.ValueType(9))
    assert software.refused(registration(number, identity_evidence=unknown)).field == "identity_evidence.paper"
    assert software.register(registration(number, identity_evidence=evidence(now + 30))).identity_status == QUALIFIED


def test_a_provisional_identity_needs_nothing_and_keeps_no_evidence(software: Software, number: str) -> None:
    patient = software.register(registration(number, identity_status=PROVISIONAL))
    assert patient.identity_evidence == patient_pb2.IdentityEvidence()


@pytest.mark.parametrize("commune", ["BORDEAUX", "3306", "2C004"])
def test_a_residence_is_an_insee_code(software: Software, number: str, commune: str) -> None:
    """TD1.3."""
    assert software.refused(registration(number, residence_commune=commune)).field == "residence_commune"


def test_unknown_days_and_months_of_birth_and_an_unknown_sex_are_registered(software: Software, number: str) -> None:
    """domain.md 1.1."""
    said = traits(birth_date="19790000", sex=patient_pb2.SEX_UNKNOWN)
    assert software.register(registration(number, traits=said)).traits == said


# Traits


def test_names_in_use_and_residence_change_and_the_event_tells_no_name(
    software: Software, patient: patient_pb2.Patient, neighbours: Neighbours
) -> None:
    said = traits(used_family_name="CANARY-USED", used_given_name="DOM")
    changed = software.call(software.registry.UpdatePatient, update(patient, traits=said)).patient
    assert (changed.traits, changed.residence_commune, changed.identity_status) == (said, "33063", QUALIFIED)
    assert changed.etag != patient.etag
    moved = software.call(software.registry.UpdatePatient, update(changed, residence_commune="2A004")).patient
    assert software.look_up(patient.ins.value) == moved
    wait_until(lambda: (patient.name, 3) in neighbours.audit.changes)
    assert kinds(neighbours, patient.name)[1:] == [("patient.updated", "NAMES_IN_USE"), ("patient.updated", "RESIDENCE")]
    assert "CANARY" not in str([change for (name, _), change in list(neighbours.audit.changes.items()) if name == patient.name])


def test_a_strict_trait_of_a_qualified_identity_changes_with_new_evidence_only(
    software: Software, patient: patient_pb2.Patient, neighbours: Neighbours
) -> None:
    """domain.md 1.1 (RNIV)."""
    said = traits(birth_date="19790300")
    for sent in (None, evidence(JANUARY)):
        answer = software.refused_call(software.registry.UpdatePatient, update(patient, traits=said, identity_evidence=sent))
        assert (answer.reason, answer.field) == ("IDENTITY_EVIDENCE_REQUIRED", "identity_evidence.insi_call_time")
    changed = software.call(software.registry.UpdatePatient, update(patient, traits=said, identity_evidence=evidence(MARCH))).patient
    assert (changed.traits, changed.identity_evidence, changed.identity_status) == (said, evidence(MARCH), QUALIFIED)
    wait_until(lambda: (patient.name, 2) in neighbours.audit.changes)
    assert kinds(neighbours, patient.name)[1:] == [("patient.updated", "STRICT_TRAITS")]


def test_an_older_version_is_not_written_over_a_newer_one(software: Software, patient: patient_pb2.Patient) -> None:
    software.call(software.registry.UpdatePatient, update(patient, residence_commune="2A004"))
    answer = software.refused_call(software.registry.UpdatePatient, update(patient, residence_commune="75056"))
    assert (answer.code, answer.reason, answer.field) == (ABORTED, "ETAG_MISMATCH", "etag")
    assert software.refused_call(software.registry.UpdatePatient, update(patient, etag="")).field == "etag"


def test_of_many_changes_of_one_version_one_is_made(software: Software, patient: patient_pb2.Patient, neighbours: Neighbours) -> None:
    communes = [f"330{number}" for number in range(10, 22)]

    def change(commune: str) -> str:
        try:
            return str(software.call(software.registry.UpdatePatient, update(patient, residence_commune=commune)).patient.etag)
        except grpc.RpcError:
            return ""

    with ThreadPoolExecutor(8) as threads:
        etags = [etag for etag in threads.map(change, communes) if etag]
    assert len(etags) == 1
    assert software.look_up(patient.ins.value).etag == etags[0]
    wait_until(lambda: (patient.name, 2) in neighbours.audit.changes)
    assert len(kinds(neighbours, patient.name)) == 2


def test_what_changes_nothing_is_answered_and_recorded_nowhere(
    software: Software, patient: patient_pb2.Patient, neighbours: Neighbours
) -> None:
    assert software.call(software.registry.UpdatePatient, update(patient)).patient == patient
    software.call(software.registry.UpdatePatient, update(patient, residence_commune=""))
    wait_until(lambda: (patient.name, 2) in neighbours.audit.changes)
    assert len(kinds(neighbours, patient.name)) == 2


def test_a_retry_gets_the_first_answer_whatever_came_after(software: Software, patient: patient_pb2.Patient) -> None:
    request = update(patient, residence_commune="2A004")
    first = software.call(software.registry.UpdatePatient, request)
    software.call(software.registry.UpdatePatient, update(first.patient, residence_commune="75056"))
    assert software.call(software.registry.UpdatePatient, request) == first
    request.residence_commune = "97101"
    assert software.refused_call(software.registry.UpdatePatient, request).reason == "REQUEST_ID_REUSED"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"patient": "patients/aaaaaaaaaaaaaaaaaaaaaaaaaa"}, "patient"),
        ({"patient": "records/x"}, "patient"),
        ({"request_id": "7"}, "request_id"),
        ({"traits": None}, "traits.birth_family_name"),
        ({"traits": traits(birth_date="20990101")}, "traits.birth_date"),
        ({"residence_commune": "x"}, "residence_commune"),
    ],
)
def test_what_breaks_a_rule_changes_nothing(software: Software, patient: patient_pb2.Patient, fields: dict[str, Any], field: str) -> None:
    assert software.refused_call(software.registry.UpdatePatient, update(patient, **fields)).field == field
    assert software.look_up(patient.ins.value) == patient


# Status


def test_a_status_is_raised_on_evidence_lowered_on_doubt_and_others_are_told_at_once(
    software: Software, identity: Running, number: str, neighbours: Neighbours
) -> None:
    """domain.md 1.1: only a qualified identity is fed."""
    registry, patient = software.registry, software.register(registration(number, identity_status=PROVISIONAL))
    refused_raise = software.refused_call(registry.ChangeIdentityStatus, status_change(patient, identity_status=QUALIFIED))
    assert refused_raise.reason == "IDENTITY_EVIDENCE_REQUIRED"
    raised = software.call(
        registry.ChangeIdentityStatus, status_change(patient, identity_status=QUALIFIED, identity_evidence=evidence())
    ).patient
    assert (raised.identity_status, raised.identity_evidence) == (QUALIFIED, evidence())
    marked = software.call(registry.ChangeIdentityStatus, status_change(raised, identity_attributes=[DOUBTFUL, HOMONYM])).patient
    assert (marked.identity_status, list(marked.identity_attributes)) == (RETRIEVED, [HOMONYM, DOUBTFUL])
    with identity.stub(patient_reference_service_pb2_grpc.PatientReferenceServiceStub, "consent") as reference:
        asked = reference.GetIdentityStatus(reference_pb.GetIdentityStatusRequest(patient=patient.name), timeout=10)
    assert asked.identity_status == RETRIEVED
    wait_until(lambda: (patient.name, 3) in neighbours.audit.changes)
    assert kinds(neighbours, patient.name)[1:] == [
        ("patient.identity_status_changed", "QUALIFIED"),
        ("patient.identity_status_changed", "RETRIEVED_DOUBTFUL_HOMONYM"),
    ]


def test_a_doubtful_identity_is_raised_neither_by_asking_nor_by_registering_again(software: Software, patient: patient_pb2.Patient) -> None:
    """RNIV (domain.md 1.1): neither validated nor qualified."""
    registry = software.registry
    marked = software.call(registry.ChangeIdentityStatus, status_change(patient, identity_attributes=[DOUBTFUL])).patient
    for status in (VALIDATED, QUALIFIED):
        request = status_change(marked, identity_status=status, identity_evidence=evidence(MARCH))
        assert software.refused_call(registry.ChangeIdentityStatus, request).field == "identity_status"
    assert software.register(registration(patient.ins.value, identity_evidence=evidence(MARCH))).identity_status == RETRIEVED
    cleared = status_change(marked, identity_attributes=[], identity_status=QUALIFIED, identity_evidence=evidence(MARCH))
    assert software.call(registry.ChangeIdentityStatus, cleared).patient.identity_status == QUALIFIED
    unknown = status_change(marked, identity_attributes=[9])
    assert software.refused_call(registry.ChangeIdentityStatus, unknown).field == "identity_attributes"


# INS


def test_another_ins_finds_her_and_the_former_one_stays_as_history(
    software: Software, identity: Running, patient: patient_pb2.Patient, neighbours: Neighbours
) -> None:
    """domain.md 1.1: kept as history, not usable for a new deposit."""
    former, number = patient.ins.value, new_number()
    request = pb.ReplaceInsRequest(**change_of(patient, ins=ins(number), identity_evidence=evidence(MARCH)))
    changed = software.call(software.registry.ReplaceIns, request).patient
    assert (changed.ins, changed.identity_status) == (ins(number), QUALIFIED)
    assert [one.ins for one in changed.former_ins] == [ins(former)]
    assert changed.former_ins[0].begin_time.seconds <= changed.former_ins[0].end_time.seconds
    assert software.look_up(number) == software.look_up(former) == changed
    registered = software.refused(registration(former))
    assert (registered.code, registered.reason, registered.field) == (grpc.StatusCode.ALREADY_EXISTS, "INS_TAKEN", "ins")
    with identity.stub(patient_reference_service_pb2_grpc.PatientReferenceServiceStub, "documents") as reference:

        def match(value: str) -> reference_pb.MatchPatientResponse:
            asked = reference_pb.MatchPatientRequest(patient=patient.name, ins=ins(value), traits=traits())
            answer: reference_pb.MatchPatientResponse = reference.MatchPatient(asked, timeout=10)
            return answer

        assert match(number).same_person
        assert not match(former).same_person
        assert [(one.trait, one.decisive) for one in match(former).differences] == [("former_ins", True)]
    wait_until(lambda: (patient.name, 2) in neighbours.audit.changes)
    assert kinds(neighbours, patient.name)[1:] == [("patient.ins_replaced", "")]


def test_an_ins_of_somebody_else_present_or_former_is_taken(software: Software, patient: patient_pb2.Patient) -> None:
    other = software.register(registration(new_number()))
    former, number = other.ins.value, new_number()
    request = pb.ReplaceInsRequest(**change_of(other, ins=ins(number), identity_evidence=evidence(MARCH)))
    other = software.call(software.registry.ReplaceIns, request).patient
    for taken in (number, former):
        asked = pb.ReplaceInsRequest(**change_of(patient, ins=ins(taken), identity_evidence=evidence(MARCH)))
        answer = software.refused_call(software.registry.ReplaceIns, asked)
        assert (answer.code, answer.reason, answer.field) == (grpc.StatusCode.ALREADY_EXISTS, "INS_TAKEN", "ins")
    back = pb.ReplaceInsRequest(**change_of(other, ins=ins(former), identity_evidence=evidence(MARCH + 60)))
    assert software.refused_call(software.registry.ReplaceIns, back).reason == "INS_TAKEN"


def test_two_who_take_one_ins_at_once_do_not_both_get_it(software: Software) -> None:
    persons = [software.register(registration(new_number())) for _ in range(4)]
    number = new_number()

    def take(person: patient_pb2.Patient) -> str:
        request = pb.ReplaceInsRequest(**change_of(person, ins=ins(number), identity_evidence=evidence(MARCH)))
        try:
            return str(software.call(software.registry.ReplaceIns, request).patient.name)
        except grpc.RpcError as error:
            return str(error.code())

    with ThreadPoolExecutor(4) as threads:
        takers = [told for told in threads.map(take, persons) if told != str(grpc.StatusCode.ALREADY_EXISTS)]
    assert len(takers) == 1
    assert software.look_up(number).name == takers[0]


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"identity_evidence": None}, "IDENTITY_EVIDENCE_REQUIRED", "identity_evidence.insi_call_time"),
        ({"ins": ins("222127505611201")}, "INS_INVALID", "ins.value"),
        ({"ins": ins(authority="1.2.250.1.213.1.4.8")}, "INS_WRONG_ENVIRONMENT", "ins.authority"),
    ],
)
def test_a_new_ins_is_a_good_one_that_insi_gave(
    software: Software, patient: patient_pb2.Patient, fields: dict[str, Any], reason: str, field: str
) -> None:
    good = {"ins": ins(new_number()), "identity_evidence": evidence(MARCH)}
    answer = software.refused_call(software.registry.ReplaceIns, pb.ReplaceInsRequest(**change_of(patient, **{**good, **fields})))
    assert (answer.reason, answer.field) == (reason, field)


# Who may, and what is left


def test_a_revoked_session_changes_nobody(identity: Running, provider: Provider, patient: patient_pb2.Patient) -> None:
    answer = identity.exchange(provider.assertion())
    with identity.stub(session_grpc.SessionServiceStub) as sessions:
        sessions.RevokeSession(session_pb.RevokeSessionRequest(request_id=str(uuid.uuid4()), session=answer.session), timeout=10)
    with identity.stub(registry_grpc.PatientRegistryServiceStub) as registry:
        again = Software(registry, answer.access_token)
        asked: list[tuple[Any, Any]] = [
            (registry.UpdatePatient, update(patient, residence_commune="75056")),
            (registry.ChangeIdentityStatus, status_change(patient, identity_status=PROVISIONAL)),
            (registry.ReplaceIns, pb.ReplaceInsRequest(**change_of(patient, ins=ins(new_number()), identity_evidence=evidence(MARCH)))),
            (registry.RecordDeath, death(patient)),
            (registry.UndoDeath, pb.UndoDeathRequest(**change_of(patient, reason="x"))),
            (registry.ComparePatient, pb.ComparePatientRequest(ins=patient.ins, traits=patient.traits)),
            (
                registry.SettleComparison,
                pb.SettleComparisonRequest(request_id=str(uuid.uuid4()), comparison="comparisons/aaaaaaaaaaaaaaaaaaaaaaaaaa", reason="x"),
            ),
        ]
        answers: list[Refused] = [again.refused_call(method, request) for method, request in asked]
    assert {one.reason for one in answers} == {"SESSION_WITHDRAWN"}


def test_a_refusal_names_the_field_and_the_rule_and_never_the_value(
    software: Software, identity: Running, patient: patient_pb2.Patient
) -> None:
    """S9: what is wrong may be a secret all the same."""
    registry, canary = software.registry, "canary-9-secret"
    asked: list[tuple[Any, Any]] = [
        (registry.UpdatePatient, update(patient, traits=traits(used_family_name=canary))),
        (registry.UpdatePatient, update(patient, residence_commune=canary)),
        (registry.UpdatePatient, update(patient, etag=canary)),
        (registry.UpdatePatient, update(patient, traits=traits(birth_family_name="AUTRE", birth_date=canary))),
        (registry.ReplaceIns, pb.ReplaceInsRequest(**change_of(patient, ins=ins(canary), identity_evidence=evidence(MARCH)))),
        (registry.RecordDeath, death(patient, death_date=canary)),
        (registry.RecordDeath, death(patient, evidence=f"{canary}\n{canary}")),
        (registry.UndoDeath, pb.UndoDeathRequest(**change_of(patient, reason=canary))),
        (registry.ComparePatient, pb.ComparePatientRequest(ins=ins(canary), traits=patient.traits)),
        (registry.LookupPatient, pb.LookupPatientRequest(ins=ins(canary))),
    ]
    told = [software.refused_call(method, request) for method, request in asked]
    assert all(one.field and canary not in one.text + one.field for one in told)
    assert canary not in str(lines(identity.log))


def test_nothing_that_was_said_of_her_is_left_in_clear(
    software: Software, identity: Running, stores: TestStores, patient: patient_pb2.Patient
) -> None:
    """S9: canaries in the traits, the words, the dates and the numbers."""
    registry = software.registry
    said = traits(used_family_name="CANARY-USED", birth_family_name="CANARY-BIRTH", given_names="DOMINIQUE CANARY-GIVEN")
    changed = software.call(registry.UpdatePatient, update(patient, traits=said, identity_evidence=evidence(MARCH))).patient
    number = new_number()
    request = pb.ReplaceInsRequest(**change_of(changed, ins=ins(number), identity_evidence=evidence(MARCH + 60)))
    changed = software.call(registry.ReplaceIns, request).patient
    dead = software.call(registry.RecordDeath, death(changed, death_date="20260207", evidence="CANARY-CERTIFICATE")).patient
    software.call(registry.UndoDeath, pb.UndoDeathRequest(**change_of(dead, reason="CANARY-MISTAKE")))
    compared = pb.ComparePatientRequest(ins=ins(number), traits=traits(birth_family_name="CANARY-OTHER"))
    comparison = software.call(registry.ComparePatient, compared).comparison
    settle = pb.SettleComparisonRequest(request_id=str(uuid.uuid4()), comparison=comparison, same_person=True, reason="CANARY-REASON")
    software.call(registry.SettleComparison, settle)
    dump = dump_of(stores, "identity_component")
    for canary in (number.encode(), patient.ins.value.encode(), b"CANARY", b"20260207"):
        assert canary not in dump
    written = str(lines(identity.log))
    assert number not in written
    assert "CANARY" not in written
