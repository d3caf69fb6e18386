"""Software in which Alice works with persons, and what it sends."""

import itertools
import uuid
from typing import Any, Protocol, TypeVar

from carnet.identity.v1 import patient_pb2
from carnet.identity.v1 import patient_registry_service_pb2 as pb
from carnet.identity.v1 import patient_registry_service_pb2_grpc as pb_grpc
from carnet_identity.domain.ins import key_of
from component.identity.neighbours import Neighbours
from component.identity.running import TEST_NUMBERS, Refused, ins, refused, traits
from google.protobuf.timestamp_pb2 import Timestamp

RequestT = TypeVar("RequestT", contravariant=True)  # noqa: PLC0105 - gRPC's own stubs name it so
_numbers = itertools.count(1000)
JANUARY, MARCH = 1767600000, 1772400000
"""Instants of 2026, in seconds."""


class Method(Protocol[RequestT]):
    """A method of the stub."""

    def __call__(self, request: RequestT, *, metadata: Any, timeout: float) -> Any:  # noqa: ANN401 - as gRPC types them
        """Calls it."""


class Software:
    """A stub with a token of Alice's."""

    def __init__(self, registry: pb_grpc.PatientRegistryServiceStub, token: str) -> None:
        self.registry = registry
        self._metadata = (("authorization", f"Bearer {token}"),)

    def call(self, method: Method[RequestT], request: RequestT) -> Any:  # noqa: ANN401 - as gRPC types them
        """The answer."""
        return method(request, metadata=self._metadata, timeout=10)

    def register(self, request: pb.RegisterPatientRequest) -> patient_pb2.Patient:
        """The person registered."""
        patient: patient_pb2.Patient = self.call(self.registry.RegisterPatient, request).patient
        return patient

    def look_up(self, value: str, authority: str = TEST_NUMBERS) -> patient_pb2.Patient:
        """The person found."""
        patient: patient_pb2.Patient = self.call(self.registry.LookupPatient, pb.LookupPatientRequest(ins=ins(value, authority))).patient
        return patient

    def refused(self, request: pb.RegisterPatientRequest) -> Refused:
        """How a registration is refused."""
        return refused(lambda: self.register(request))

    def refused_call(self, method: Method[RequestT], request: RequestT) -> Refused:
        """How another call is refused."""
        return refused(lambda: self.call(method, request))


def new_number() -> str:
    """An INS that nobody has yet."""
    thirteen = f"279035121{next(_numbers):04d}"
    return thirteen + key_of(thirteen)


def evidence(seconds: int = JANUARY) -> patient_pb2.IdentityEvidence:
    """What a qualified identity rests on: INSi called and a card seen at an instant."""
    time = Timestamp(seconds=seconds)
    return patient_pb2.IdentityEvidence(insi_call_time=time, paper=patient_pb2.IDENTITY_PAPER_NATIONAL_CARD, paper_check_time=time)


def registration(number: str, **changes: Any) -> pb.RegisterPatientRequest:  # noqa: ANN401 - fields of the message
    """Registers the patient of the story under a number, qualified."""
    good = {
        "request_id": str(uuid.uuid4()),
        "ins": ins(number),
        "traits": traits(),
        "identity_status": patient_pb2.IDENTITY_STATUS_QUALIFIED,
        "identity_evidence": evidence(),
    }
    return pb.RegisterPatientRequest(**{**good, **changes})


def change_of(patient: patient_pb2.Patient, /, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a message
    """Fields of a change of a person as told."""
    return {"request_id": str(uuid.uuid4()), "patient": patient.name, "etag": patient.etag, **fields}


def update(patient: patient_pb2.Patient, /, **fields: Any) -> pb.UpdatePatientRequest:  # noqa: ANN401
    """Changes her traits or residence; what is not named stays."""
    kept = {"traits": patient.traits, "residence_commune": patient.residence_commune}
    return pb.UpdatePatientRequest(**change_of(patient, **{**kept, **fields}))


def status_change(patient: patient_pb2.Patient, /, **fields: Any) -> pb.ChangeIdentityStatusRequest:  # noqa: ANN401
    """Changes her status or attributes; what is not named stays."""
    kept = {"identity_status": patient.identity_status, "identity_attributes": patient.identity_attributes}
    return pb.ChangeIdentityStatusRequest(**change_of(patient, **{**kept, **fields}))


def death(patient: patient_pb2.Patient, /, **fields: Any) -> pb.RecordDeathRequest:  # noqa: ANN401
    """States her death."""
    return pb.RecordDeathRequest(**change_of(patient, **{"death_date": "20260120", "evidence": "certificate no. 12, Bordeaux", **fields}))


def kinds(neighbours: Neighbours, name: str) -> list[tuple[str, str]]:
    """What audit was told of a person, in order; the revisions have no gap."""
    told = {revision: event for (subject, revision), event in list(neighbours.audit.changes.items()) if subject == name}
    assert sorted(told) == list(range(1, len(told) + 1))
    return [(told[revision].kind, told[revision].change) for revision in sorted(told)]
