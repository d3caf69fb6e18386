"""Whom the numbers of an earlier system's records stand for: many at once, each answered by itself."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import grpc
import pytest
from carnet.common.v1 import error_reason_pb2 as reasons
from carnet.identity.v1 import import_reference_service_pb2 as pb
from carnet.identity.v1 import import_reference_service_pb2_grpc as pb_grpc
from carnet.identity.v1 import patient_pb2
from component.identity.running import PRACTICE, Running, refused
from component.identity.software import Software, new_number, registration

TEST_AUTHORITY = "1.2.250.1.213.1.4.10"
PROVISIONAL = patient_pb2.IDENTITY_STATUS_PROVISIONAL


@pytest.fixture
def resolve(identity: Running) -> Iterator[Any]:
    """Asks as consent's import does."""
    with identity.stub(pb_grpc.ImportReferenceServiceStub, "consent") as stub:
        yield lambda **fields: stub.ResolveReferences(pb.ResolveReferencesRequest(**fields), timeout=10)


def test_each_number_is_answered_by_itself_and_in_its_place(software: Software, identity: Running, resolve: Any, number: str) -> None:  # noqa: ANN401
    person = software.register(registration(number))
    provisional = software.register(registration(other := new_number(), identity_status=PROVISIONAL, identity_evidence=None))
    wanted = [
        patient_pb2.Ins(value=number, authority=TEST_AUTHORITY),
        patient_pb2.Ins(value=number, authority="1.2.250.1.213.1.4.8"),
        patient_pb2.Ins(value=new_number(), authority=TEST_AUTHORITY),
        patient_pb2.Ins(value=other, authority=TEST_AUTHORITY),
        patient_pb2.Ins(value="123456789012345", authority=TEST_AUTHORITY),
        patient_pb2.Ins(value=number, authority=TEST_AUTHORITY),
    ]
    professionals = ["899700366240", "810100997245", "99700366240", "899700024450"]
    structures = [f"1{PRACTICE}", "1750100125", f"3{PRACTICE}", "", "190000001"]

    answer = resolve(persons=wanted, professionals=professionals, structures=structures)

    assert [one.patient for one in answer.persons] == [person.name, "", "", provisional.name, "", person.name]
    assert [(one.refusal, one.field) for one in answer.persons] == [
        (reasons.ERROR_REASON_UNSPECIFIED, ""),
        (reasons.ERROR_REASON_INS_WRONG_ENVIRONMENT, "authority"),
        (reasons.ERROR_REASON_NOT_FOUND, "value"),
        (reasons.ERROR_REASON_UNSPECIFIED, ""),
        (reasons.ERROR_REASON_INS_INVALID, "value"),
        (reasons.ERROR_REASON_UNSPECIFIED, ""),
    ]
    first, _, _, fourth, *_ = answer.persons
    assert first.standing.identity_status == patient_pb2.IDENTITY_STATUS_QUALIFIED
    assert fourth.standing.identity_status == PROVISIONAL
    assert [bool(one.professional) for one in answer.professionals] == [True, False, False, True]
    assert [list(one.professions) for one in answer.professionals] == [["10"], [], [], ["60"]]
    assert [one.structure for one in answer.structures] == [identity.structure(PRACTICE), "", "", "", ""]


def test_too_many_numbers_are_refused_by_field_and_nobody_else_asks(identity: Running, resolve: Any) -> None:  # noqa: ANN401
    for field, many in (("persons", [patient_pb2.Ins()] * 501), ("professionals", ["8"] * 2001), ("structures", ["1"] * 2001)):
        wrong = refused(partial(resolve, **{field: many}))
        assert (wrong.reason, wrong.field) == ("INVALID_FIELD", field)
    with identity.stub(pb_grpc.ImportReferenceServiceStub, "documents") as documents:
        wrong = refused(lambda: documents.ResolveReferences(pb.ResolveReferencesRequest(), timeout=10))
        assert wrong.code is grpc.StatusCode.PERMISSION_DENIED
