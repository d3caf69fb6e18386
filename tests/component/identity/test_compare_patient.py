"""The comparison before a first access, and what a person decides of it (DEVBOX EX_GEN-1230, PDSM4DMP RG_0320)."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from carnet.identity.v1 import patient_pb2
from carnet.identity.v1 import patient_reference_service_pb2 as reference_pb
from carnet.identity.v1 import patient_reference_service_pb2_grpc as reference_grpc
from carnet.identity.v1 import patient_registry_service_pb2 as pb
from carnet.identity.v1 import patient_registry_service_pb2_grpc as pb_grpc
from component.identity.neighbours import Neighbours
from component.identity.provider import Provider
from component.identity.running import HOSPITAL, Running, ins, traits
from component.identity.software import Software, new_number
from support.waiting import wait_until


def _compare(software: Software, patient: patient_pb2.Patient, **changes: Any) -> pb.ComparePatientResponse:  # noqa: ANN401
    request = pb.ComparePatientRequest(ins=patient.ins, traits=traits(**changes))
    answer: pb.ComparePatientResponse = software.call(software.registry.ComparePatient, request)
    return answer


def _settle(comparison: str, /, **changes: Any) -> pb.SettleComparisonRequest:  # noqa: ANN401
    good = {"request_id": str(uuid.uuid4()), "comparison": comparison, "same_person": True, "reason": "her card says so"}
    return pb.SettleComparisonRequest(**{**good, **changes})


def test_alike_traits_leave_nothing_to_settle(software: Software, patient: patient_pb2.Patient) -> None:
    answer = _compare(software, patient, birth_family_name="Pat trois", given_names="")
    assert (answer.patient, list(answer.differences), answer.comparison) == (patient.name, [], "")


def test_a_difference_is_named_the_registrys_value_is_not_and_a_person_settles_it_once(
    software: Software, patient: patient_pb2.Patient, neighbours: Neighbours
) -> None:
    """EX_GEN-1230; RG_0320: nothing is overwritten on either side."""
    answer = _compare(software, patient, birth_family_name="AUTRE", birth_place="75056")
    assert [(one.trait, one.must_be_settled) for one in answer.differences] == [("birth_family_name", True), ("birth_place", False)]
    assert patient.traits.birth_family_name not in str(answer)
    request = _settle(answer.comparison)
    first = software.call(software.registry.SettleComparison, request)
    assert software.call(software.registry.SettleComparison, request) == first
    again = software.refused_call(software.registry.SettleComparison, _settle(answer.comparison, same_person=False))
    assert (again.code, again.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "STATE_FORBIDS")
    assert software.look_up(patient.ins.value) == patient
    wait_until(lambda: (answer.comparison, 1) in neighbours.audit.changes)
    event = neighbours.audit.changes[answer.comparison, 1]
    told = (event.kind, event.subject, event.change, event.motive)
    assert told == ("comparison.settled", patient.name, "SAME_PERSON", "her card says so")


def test_another_person_is_a_decision_too(software: Software, patient: patient_pb2.Patient, neighbours: Neighbours) -> None:
    comparison = _compare(software, patient, birth_date="19800101").comparison
    assert software.call(software.registry.SettleComparison, _settle(comparison, same_person=False)).settle_time.seconds > 0
    wait_until(lambda: (comparison, 1) in neighbours.audit.changes)
    assert neighbours.audit.changes[comparison, 1].change == "ANOTHER_PERSON"


def test_of_many_who_settle_at_once_one_does(software: Software, patient: patient_pb2.Patient, neighbours: Neighbours) -> None:
    comparison = _compare(software, patient, birth_date="19800101").comparison

    def settle(number: int) -> bool:
        try:
            software.call(software.registry.SettleComparison, _settle(comparison, same_person=bool(number % 2)))
        except grpc.RpcError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(settle, range(8))) == 1
    wait_until(lambda: (comparison, 1) in neighbours.audit.changes)
    assert (comparison, 2) not in neighbours.audit.changes


def test_a_comparison_is_the_professionals_who_made_it(
    software: Software, identity: Running, provider: Provider, patient: patient_pb2.Patient
) -> None:
    comparison = _compare(software, patient, birth_date="19800101").comparison
    bruno = identity.exchange(
        provider.assertion(preferred_username="899700218896"), structure=identity.structure(HOSPITAL), name="software/hospital"
    )
    with identity.stub(pb_grpc.PatientRegistryServiceStub, "software/hospital") as registry:
        another = Software(registry, bruno.access_token)
        others = another.refused_call(registry.SettleComparison, _settle(comparison))
        nobodys = another.refused_call(registry.SettleComparison, _settle("comparisons/aaaaaaaaaaaaaaaaaaaaaaaaaa"))
    assert others == nobodys
    assert (others.code, others.field) == (grpc.StatusCode.NOT_FOUND, "comparison")
    assert software.call(software.registry.SettleComparison, _settle(comparison)).settle_time.seconds > 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"comparison": "x"}, "comparison"),
        ({"request_id": "7"}, "request_id"),
    ],
)
def test_what_breaks_a_rule_settles_nothing(software: Software, patient: patient_pb2.Patient, changes: dict[str, Any], field: str) -> None:
    comparison = _compare(software, patient, birth_date="19800101").comparison
    answer = software.refused_call(software.registry.SettleComparison, _settle(comparison, **changes))
    assert (answer.reason, answer.field) == ("INVALID_FIELD", field)
    assert software.call(software.registry.SettleComparison, _settle(comparison)).settle_time.seconds > 0


def test_an_unknown_number_is_compared_with_nobody(software: Software) -> None:
    """S4: as looking it up."""
    request = pb.ComparePatientRequest(ins=ins(new_number()), traits=traits())
    answer = software.refused_call(software.registry.ComparePatient, request)
    assert (answer.code, answer.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


def test_each_comparison_is_recorded_before_it_is_answered(
    software: Software, patient: patient_pb2.Patient, neighbours: Neighbours
) -> None:
    """Promise 1."""
    _compare(software, patient)

    def is_told() -> bool:
        events = list(neighbours.audit.events.values())
        return any(event.kind == "patient.compared" and event.subject == patient.name for event in events)

    wait_until(is_told)


def test_consent_learns_whether_a_professional_has_still_to_settle_who_it_is(
    software: Software, identity: Running, patient: patient_pb2.Patient, neighbours: Neighbours
) -> None:
    """EX_GEN-1230: before the first access, so before a record is opened."""
    comparison = _compare(software, patient, birth_date="19800101").comparison
    with identity.stub(reference_grpc.PatientReferenceServiceStub, "consent") as reference:

        def is_open(professional: str) -> bool:
            asked = reference_pb.GetIdentityStatusRequest(patient=patient.name, professional=professional)
            answer: reference_pb.GetIdentityStatusResponse = reference.GetIdentityStatus(asked, timeout=10)
            assert (answer.deceased, answer.revision, answer.residence_departement) == (False, 1, "33")
            return answer.comparison_open

        again = _compare(software, patient, birth_date="19800101").comparison
        software.call(software.registry.SettleComparison, _settle(again))
        wait_until(lambda: (again, 1) in neighbours.audit.changes)
        professional = neighbours.audit.changes[again, 1].actor.subject
        assert not is_open(professional)
        assert comparison != _compare(software, patient, birth_date="19800101").comparison
        assert is_open(professional)
        assert not is_open("professionals/somebody")
        assert not is_open("")
