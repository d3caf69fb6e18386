"""The people of the second story as they are registered, and what an earlier telling left of them."""

from dataclasses import dataclass

import grpc
from carnet.consent.v1.record_pb2 import ConsentEvidence
from carnet.consent.v1.record_service_pb2 import LookupRecordRequest, OpenRecordRequest
from carnet.identity.v1 import mandate_service_pb2 as pb
from carnet.identity.v1.patient_pb2 import IdentityEvidence, IdentityPaper, IdentityStatus, Ins, Sex, Traits
from carnet.identity.v1.patient_registry_service_pb2 import LookupPatientRequest, RegisterPatientRequest
from carnet_client import UserSession, request_id
from carnet_client.refusals import telling_refusals
from google.protobuf.timestamp_pb2 import Timestamp

from carnet_dev.people import PatientTraits


@dataclass(frozen=True)
class Relative:
    """Somebody registered."""

    patient: str
    """`patients/{patient}`."""
    ins: str
    ins_authority: str
    family_name: str
    given_name: str
    birth_date: str

    def match(self) -> pb.MandataryMatch:
        """What somebody who knows her says of her."""
        return pb.MandataryMatch(
            ins=Ins(value=self.ins, authority=self.ins_authority),
            family_name=self.family_name,
            given_name=self.given_name,
            birth_date=self.birth_date,
        )


async def register(doctor: UserSession, who: PatientTraits) -> Relative:
    """Register somebody, or find her as an earlier telling did."""
    ins = Ins(value=who.ins, authority=who.ins_authority)
    with telling_refusals():
        try:
            found = await doctor.connection.patients.LookupPatient(
                LookupPatientRequest(ins=ins), metadata=await doctor.metadata(), timeout=10
            )
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            request = _registration(who, ins)
            answer = await doctor.connection.patients.RegisterPatient(request, metadata=await doctor.metadata(), timeout=10)
            patient = answer.patient
        else:
            patient = found.patient
    birth_date = patient.traits.birth_date
    return Relative(patient.name, who.ins, who.ins_authority, who.birth_family_name, who.first_given_name, birth_date)


def _registration(who: PatientTraits, ins: Ins) -> RegisterPatientRequest:
    seen = Timestamp()
    seen.GetCurrentTime()
    return RegisterPatientRequest(
        request_id=request_id(),
        ins=ins,
        traits=Traits(
            birth_family_name=who.birth_family_name,
            first_given_name=who.first_given_name,
            given_names=who.given_names,
            birth_date=who.birth_date,
            sex={"M": Sex.SEX_MALE, "F": Sex.SEX_FEMALE}.get(who.sex, Sex.SEX_UNKNOWN),
            birth_place=who.birth_place,
        ),
        identity_status=IdentityStatus.IDENTITY_STATUS_QUALIFIED,
        identity_evidence=IdentityEvidence(insi_call_time=seen, paper=IdentityPaper.IDENTITY_PAPER_CIVIL_STATUS, paper_check_time=seen),
    )


async def open_record(doctor: UserSession, who: Relative) -> str:
    """Open somebody's record, or find it; the doctor who opens it is authorised by it."""
    records = doctor.connection.records
    with telling_refusals():
        found = await records.LookupRecord(LookupRecordRequest(patient=who.patient), metadata=await doctor.metadata(), timeout=10)
        if found.record:
            return found.record
        evidence = ConsentEvidence(form="form", form_version="v3", method="signed on screen")
        request = OpenRecordRequest(request_id=request_id(), patient=who.patient, evidence=evidence)
        opened = await records.OpenRecord(request, metadata=await doctor.metadata(), timeout=10)
    return opened.record.name


async def tidy(session: UserSession, who: Relative, holder: Relative) -> None:
    """End what an earlier telling left in force, as the mandatary. What was suspended stays so until it is registered anew."""
    mandates = session.connection.mandates
    with telling_refusals():
        listed = await mandates.ListMandates(pb.ListMandatesRequest(page_size=100), metadata=await session.metadata(), timeout=10)
    for mandate in listed.mandates:
        is_theirs = (mandate.holder, mandate.mandatary) == (holder.patient, who.patient)
        if is_theirs and mandate.state in {pb.MANDATE_STATE_ACCEPTED, pb.MANDATE_STATE_PENDING}:
            request = pb.EndMandateRequest(request_id=request_id(), mandate=mandate.name)
            with telling_refusals():
                await mandates.EndMandate(request, metadata=await session.metadata(), timeout=10)
