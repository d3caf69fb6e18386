"""Invented people for tests against the whole system: each with a test INS whose key holds, a record, and who may read it."""

import random
from dataclasses import dataclass, replace

from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet.consent.v1.authorisation_pb2 import Authorisation, AuthorisationKind
from carnet.consent.v1.authorisation_service_pb2 import CreateAuthorisationRequest, DeleteAuthorisationRequest
from carnet.consent.v1.record_pb2 import ConsentEvidence
from carnet.consent.v1.record_service_pb2 import OpenRecordRequest
from carnet.identity.v1.patient_pb2 import IdentityEvidence, IdentityPaper, IdentityStatus, Ins, Sex, Traits
from carnet.identity.v1.patient_registry_service_pb2 import RegisterPatientRequest
from carnet_client import UserSession, request_id
from google.protobuf.timestamp_pb2 import Timestamp

from support.cda import TEST_INS_AUTHORITY, Cda, ins_key

_SEEN = Timestamp(seconds=1767600000)
QUALIFYING = IdentityEvidence(insi_call_time=_SEEN, paper=IdentityPaper.IDENTITY_PAPER_NATIONAL_CARD, paper_check_time=_SEEN)
"""What a qualified identity rests on: INSi called and a card seen, in January 2026."""


@dataclass(frozen=True)
class Somebody:
    """A person and her record."""

    ins: str
    family_name: str
    given_name: str
    patient: str = ""
    record: str = ""

    def document(self, number: int, **changes: object) -> bytes:
        """A clinical document about her, with an identifier that no other has."""
        about = {"ins": self.ins, "family_name": self.family_name, "given_name": self.given_name, "given_names": self.given_name}
        return Cda(unique_id=f"1.2.250.1.999.4.{int(self.ins[:13])}.{number}", **(about | changes)).render()  # type: ignore[arg-type]


def invented(family_name: str = "ESSAI", given_name: str = "CLARA") -> Somebody:
    """Somebody nobody met before, born like every document of ``Cda`` says."""
    body = f"28506{random.randrange(51, 60)}{random.randrange(1000):03d}{random.randrange(1000):03d}"
    return Somebody(body + ins_key(body), family_name, given_name)


async def registered(doctor: UserSession, somebody: Somebody, *, birth_date: str = "19850612") -> Somebody:
    """Register her, as ``doctor``; she has no record."""
    connection = doctor.connection
    traits = Traits(
        birth_family_name=somebody.family_name,
        first_given_name=somebody.given_name,
        given_names=somebody.given_name,
        birth_date=birth_date,
        sex=Sex.SEX_FEMALE,
        birth_place="51215",
    )
    register = RegisterPatientRequest(
        request_id=request_id(),
        ins=Ins(value=somebody.ins, authority=TEST_INS_AUTHORITY),
        traits=traits,
        identity_status=IdentityStatus.IDENTITY_STATUS_QUALIFIED,
        identity_evidence=QUALIFYING,
    )
    patient = (await connection.patients.RegisterPatient(register, metadata=await doctor.metadata(), timeout=20)).patient.name
    return replace(somebody, patient=patient)


async def with_record(doctor: UserSession, somebody: Somebody, *, birth_date: str = "19850612") -> Somebody:
    """Register her and open her record, as ``doctor``, who is authorised by it."""
    known = await registered(doctor, somebody, birth_date=birth_date)
    evidence = ConsentEvidence(form="form", form_version="v3", method="signed on screen")
    request = OpenRecordRequest(request_id=request_id(), patient=known.patient, evidence=evidence)
    record = (await doctor.connection.records.OpenRecord(request, metadata=await doctor.metadata(), timeout=20)).record.name
    return replace(known, record=record)


async def state(by: UserSession, record: str, grantee: str, kind: AuthorisationKind.ValueType) -> str:
    """State an authorisation or a block; its name once it is acknowledged."""
    request = CreateAuthorisationRequest(request_id=request_id(), parent=record, authorisation=Authorisation(grantee=grantee, kind=kind))
    answer = await by.connection.authorisations.CreateAuthorisation(request, metadata=await by.metadata(), timeout=20)
    return answer.authorisation.name


async def take_back(by: UserSession, name: str) -> None:
    """Take a statement back; returns once that is acknowledged."""
    request = DeleteAuthorisationRequest(request_id=request_id(), name=name)
    await by.connection.authorisations.DeleteAuthorisation(request, metadata=await by.metadata(), timeout=20)


TREATMENT = PurposeOfUse.PURPOSE_OF_USE_TREATMENT
HERSELF = PurposeOfUse.PURPOSE_OF_USE_PATIENT_REQUEST
STANDING = AuthorisationKind.AUTHORISATION_KIND_STANDING
BLOCK = AuthorisationKind.AUTHORISATION_KIND_BLOCK
