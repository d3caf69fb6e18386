"""Registering persons, finding them, and what other services may ask."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from carnet.common.v1 import purpose_of_use_pb2 as purposes
from carnet.identity.v1 import patient_pb2, patient_reference_service_pb2_grpc
from carnet.identity.v1 import patient_reference_service_pb2 as reference_pb
from carnet.identity.v1 import patient_registry_service_pb2 as pb
from carnet.identity.v1 import patient_registry_service_pb2_grpc as pb_grpc
from carnet.identity.v1 import session_service_pb2 as session_pb
from carnet.identity.v1 import session_service_pb2_grpc as session_grpc
from component.identity.conftest import Start
from component.identity.dump import dump_of
from component.identity.neighbours import Neighbours
from component.identity.provider import Provider
from component.identity.running import TEST_NUMBERS, Refused, Running, ins, lines, refused, traits
from component.identity.software import MARCH, Software, change_of, evidence, new_number, registration
from pymongo import MongoClient
from support.stores_fixtures import TestStores
from support.waiting import wait_until

INVALID = grpc.StatusCode.INVALID_ARGUMENT


def test_a_person_is_registered_and_found_by_exact_ins(software: Software, number: str) -> None:
    patient = software.register(registration(f" {number[:5]} {number[5:]}"))
    assert patient.name.startswith("patients/")
    assert patient.ins == ins(number)
    assert patient.traits == traits()
    assert patient.identity_evidence == evidence()
    assert software.look_up(number) == patient
    assert refused(lambda: software.look_up(number, "1.2.250.1.213.1.4.11")).code is grpc.StatusCode.NOT_FOUND


def test_a_well_formed_number_that_is_unknown_is_not_found(software: Software, number: str) -> None:
    answer = refused(lambda: software.look_up(number))
    assert (answer.code, answer.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


def test_the_same_ins_with_the_same_traits_is_the_same_patient(software: Software, number: str) -> None:
    patient = software.register(registration(number))
    assert software.register(registration(number)).name == patient.name
    assert (
        software.register(registration(number, traits=traits(given_names="DOMINIQUE", used_family_name="AUTRE"))).traits == patient.traits
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("birth_family_name", "AUTRE"),
        ("first_given_name", "MARIE"),
        ("birth_date", "19790329"),
        ("sex", patient_pb2.SEX_MALE),
        ("birth_place", "75056"),
    ],
)
def test_the_same_ins_with_another_trait_is_refused(software: Software, number: str, field: str, value: object) -> None:
    software.register(registration(number))
    answer = software.refused(registration(number, traits=traits(given_names="", **{field: value})))
    assert (answer.code, answer.reason, answer.field) == (INVALID, "INVALID_FIELD", f"traits.{field}")


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"ins": ins("222127505611201")}, "INS_INVALID", "ins.value"),
        ({"ins": ins("12345")}, "INS_INVALID", "ins.value"),
        ({"ins": ins(authority="1.2.250.1.213.1.4.2")}, "INS_INVALID", "ins.authority"),
        ({"ins": ins(authority="1.2.250.1.213.1.4.8")}, "INS_WRONG_ENVIRONMENT", "ins.authority"),
        ({"ins": None}, "INS_INVALID", "ins.authority"),
        ({"traits": traits(birth_family_name="lower")}, "INVALID_FIELD", "traits.birth_family_name"),
        ({"traits": traits(birth_date="19791328")}, "INVALID_FIELD", "traits.birth_date"),
        ({"traits": traits(sex=patient_pb2.SEX_UNSPECIFIED)}, "INVALID_FIELD", "traits.sex"),
        ({"traits": None}, "INVALID_FIELD", "traits.birth_family_name"),
        ({"identity_status": patient_pb2.IDENTITY_STATUS_UNSPECIFIED}, "INVALID_FIELD", "identity_status"),
        ({"identity_status": 9}, "INVALID_FIELD", "identity_status"),
        ({"request_id": "7"}, "INVALID_FIELD", "request_id"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_field(software: Software, changes: dict[str, Any], reason: str, field: str) -> None:
    answer = software.refused(registration("279035121518989", **changes))
    assert (answer.code, answer.reason, answer.field) == (INVALID, reason, field)


def test_a_retry_gets_the_first_answer_and_another_content_is_refused(software: Software, number: str) -> None:
    request = registration(number, identity_status=patient_pb2.IDENTITY_STATUS_PROVISIONAL)
    first = software.register(request)
    software.register(registration(number))
    assert software.register(request) == first
    other = software.refused(registration(number, request_id=request.request_id))
    assert (other.code, other.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


def test_a_stronger_status_is_kept_and_each_change_is_recorded(software: Software, number: str, neighbours: Neighbours) -> None:
    provisional, qualified = patient_pb2.IDENTITY_STATUS_PROVISIONAL, patient_pb2.IDENTITY_STATUS_QUALIFIED
    name = software.register(registration(number, identity_status=provisional)).name
    assert software.register(registration(number, identity_status=qualified)).identity_status == qualified
    assert software.register(registration(number, identity_status=provisional)).identity_status == qualified
    wait_until(lambda: (name, 2) in neighbours.audit.changes)
    kinds = [(neighbours.audit.changes[name, revision].kind, neighbours.audit.changes[name, revision].change) for revision in (1, 2)]
    assert kinds == [("patient.registered", "PROVISIONAL"), ("patient.identity_status_raised", "QUALIFIED")]
    assert (name, 3) not in neighbours.audit.changes
    assert neighbours.audit.changes[name, 1].actor.role == "10"


def test_many_at_once_register_one_patient(software: Software, number: str, neighbours: Neighbours) -> None:
    with ThreadPoolExecutor(8) as threads:
        names = {patient.name for patient in threads.map(software.register, [registration(number) for _ in range(16)])}
    assert len(names) == 1
    wait_until(lambda: (*names, 1) in neighbours.audit.changes)


def test_the_same_request_many_times_at_once_is_done_once(software: Software, number: str) -> None:
    request = registration(number)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(software.register, [request] * 16))
    assert all(answer == answers[0] for answer in answers)


def test_only_a_named_professional_with_a_token_of_that_software_may_ask(identity: Running, provider: Provider, number: str) -> None:
    """S1: no token, a bound token from another client, a token of another role."""
    answer = identity.exchange(provider.assertion())
    request = registration(number)

    def register(token: str, name: str) -> Refused:
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        with identity.stub(pb_grpc.PatientRegistryServiceStub, name) as registry:
            return refused(lambda: registry.RegisterPatient(request, metadata=metadata, timeout=10))

    assert register("", "software/gp").reason == "TOKEN_MISSING"
    assert register("a.b.c", "software/gp").reason == "TOKEN_INVALID"
    assert register(answer.access_token, "software/hospital").reason == "TOKEN_WRONG_PRESENTER"
    assert register(answer.access_token, "portal").reason == "CALLER_NOT_ALLOWED"


def test_a_registered_patient_logs_in_and_has_no_access_to_the_registry(
    software: Software, identity: Running, provider: Provider, number: str
) -> None:
    patient = software.register(registration(number))
    claims = provider.patient_claims(number, TEST_NUMBERS)
    request = purposes.PURPOSE_OF_USE_PATIENT_REQUEST
    wrong = refused(lambda: identity.exchange(provider.sign(claims), purpose=request, name="portal"))
    assert wrong.field == "structure"
    answer = identity.exchange(provider.sign(claims), structure="", purpose=request, name="portal")
    assert answer.subject == patient.name
    with identity.stub(pb_grpc.PatientRegistryServiceStub, "portal") as registry:
        metadata = (("authorization", f"Bearer {answer.access_token}"),)
        look_up = pb.LookupPatientRequest(ins=ins(number))
        assert refused(lambda: registry.LookupPatient(look_up, metadata=metadata, timeout=10)).reason == "CALLER_NOT_ALLOWED"


def test_a_professionals_software_exchanges_no_patients_assertion(
    software: Software, identity: Running, provider: Provider, number: str
) -> None:
    """S1: a caller that no setting names learns nothing, and does not use the assertion up."""
    patient = software.register(registration(number))
    assertion = provider.sign(provider.patient_claims(number, TEST_NUMBERS))
    request = purposes.PURPOSE_OF_USE_PATIENT_REQUEST
    for name in ("software/gp", "software/hospital"):
        answer = refused(lambda name=name: identity.exchange(assertion, structure="", purpose=request, name=name))  # type: ignore[misc]
        assert (answer.code, answer.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_NOT_ALLOWED")
    assert identity.exchange(assertion, structure="", purpose=request, name="portal").subject == patient.name


def test_two_persons_whose_indexes_were_swapped_are_nobody(software: Software, identity: Running, stores: TestStores, number: str) -> None:
    """C8: whoever edits the database gets an error, never another person."""
    other = new_number()
    ids = [software.register(registration(one)).name.removeprefix("patients/") for one in (number, other)]
    with MongoClient[dict[str, Any]](stores.mongo_admin_url) as client:
        persons = client["identity_component"]["patients"]
        first, second = (persons.find_one_and_delete({"_id": one}) for one in ids)
        assert first is not None
        assert second is not None
        persons.insert_many([{**first, "ins_index": second["ins_index"]}, {**second, "ins_index": first["ins_index"]}])
    for one in (number, other):
        answer = refused(lambda one=one: software.look_up(one))  # type: ignore[misc]
        assert (answer.code, answer.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
        assert software.refused(registration(one)).code is grpc.StatusCode.INTERNAL
    alarmed = {line["patient"] for line in lines(identity.log) if line["event"] == "patient.seal_broken" and line["level"] == "error"}
    assert alarmed == set(ids)


def test_a_revoked_session_opens_the_registry_no_more(identity: Running, provider: Provider) -> None:
    answer = identity.exchange(provider.assertion())
    with identity.stub(session_grpc.SessionServiceStub) as sessions:
        sessions.RevokeSession(session_pb.RevokeSessionRequest(request_id=str(uuid.uuid4()), session=answer.session), timeout=10)
    with identity.stub(pb_grpc.PatientRegistryServiceStub) as registry:
        again = Software(registry, answer.access_token)
        assert refused(lambda: again.look_up("279035121518989")).reason == "SESSION_WITHDRAWN"


def test_who_guesses_at_numbers_by_registering_them_is_stopped_as_one_who_looks_them_up(
    start: Start, provider: Provider, number: str
) -> None:
    """S4: a contradiction tells that the number is somebody's."""
    with start("identity_guesses", lookup_rate_professional="3") as identity:
        token = identity.exchange(provider.assertion()).access_token
        with identity.stub(pb_grpc.PatientRegistryServiceStub) as registry:
            guesser = Software(registry, token)
            guesser.register(registration(number))
            reasons = [guesser.refused(registration(number, traits=traits(birth_family_name=f"GUESS-{name}"))).reason for name in "ABCDE"]
            assert reasons == ["INVALID_FIELD"] * 3 + ["RATE_LIMITED"] * 2
            other = guesser.register(registration(new_number()))
            taken = pb.ReplaceInsRequest(**change_of(other, ins=ins(number), identity_evidence=evidence(MARCH)))
            assert guesser.refused_call(registry.ReplaceIns, taken).reason == "RATE_LIMITED"


def test_other_services_learn_a_status_and_whether_a_header_matches(software: Software, identity: Running, number: str) -> None:
    name = software.register(registration(number)).name
    with identity.stub(patient_reference_service_pb2_grpc.PatientReferenceServiceStub, "documents") as reference:
        status = reference.GetIdentityStatus(reference_pb.GetIdentityStatusRequest(patient=name), timeout=10)
        assert status.identity_status == patient_pb2.IDENTITY_STATUS_QUALIFIED
        header = traits(birth_family_name="Pat trois", given_names="Dominique")
        same = reference.MatchPatient(reference_pb.MatchPatientRequest(patient=name, ins=ins(number), traits=header), timeout=10)
        assert same.same_person
        assert [(one.trait, one.decisive) for one in same.differences] == [("given_names", False)]
        other = traits(birth_date="19500101")
        another = reference.MatchPatient(reference_pb.MatchPatientRequest(patient=name, traits=other), timeout=10)
        assert not another.same_person
        assert [(one.trait, one.decisive) for one in another.differences] == [("birth_date", True)]
        unknown = reference_pb.GetIdentityStatusRequest(patient="patients/aaaaaaaaaaaaaaaaaaaaaaaaaa")
        assert refused(lambda: reference.GetIdentityStatus(unknown, timeout=10)).code is grpc.StatusCode.NOT_FOUND
        wrong = reference_pb.GetIdentityStatusRequest(patient="records/x")
        assert refused(lambda: reference.GetIdentityStatus(wrong, timeout=10)).field == "patient"


def test_a_dump_of_the_store_and_the_log_hold_no_number_and_no_name(
    software: Software, identity: Running, stores: TestStores, number: str
) -> None:
    """S9: no plaintext canary of a person."""
    software.register(registration(number, traits=traits(birth_family_name="CANARY-NAME", birth_date="19790307")))
    software.look_up(number)
    dump = dump_of(stores, "identity_component")
    for canary in (number.encode(), b"CANARY-NAME", b"19790307"):
        assert canary not in dump
    written = str(lines(identity.log))
    assert number not in written
    assert "CANARY" not in written
