"""Chapter 1: her record, opened at her request, or found from an earlier telling and tidied."""

from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet.consent.v1.authorisation_pb2 import AuthorisationKind
from carnet.consent.v1.authorisation_service_pb2 import (
    DeleteAuthorisationRequest,
    EndAttendingPhysicianRequest,
    ListAuthorisationsRequest,
)
from carnet.consent.v1.record_pb2 import ConsentEvidence, EmergencySwitches
from carnet.consent.v1.record_service_pb2 import LookupRecordRequest, OpenRecordRequest, UpdateEmergencySwitchesRequest
from carnet.documents.v1.document_entry_pb2 import Visibility
from carnet.documents.v1.document_lifecycle_service_pb2 import UnmaskDocumentRequest
from carnet.identity.v1.patient_pb2 import IdentityEvidence, IdentityPaper, IdentityStatus, Ins, Sex, Traits
from carnet.identity.v1.patient_registry_service_pb2 import RegisterPatientRequest, UpdatePatientRequest
from carnet_client import request_id
from carnet_client.refusals import telling_refusals
from google.protobuf.timestamp_pb2 import Timestamp

from carnet_dev.demo.mail import ADDRESS, is_read_here, she_has_an_address
from carnet_dev.demo.scene import Scene
from carnet_dev.people import PatientTraits, patients


async def her_record(scene: Scene) -> None:
    """Register her, open her record with evidence, begin with a clean slate."""
    her = patients()["dominique"]
    born = f"{her.birth_date[6:]}/{her.birth_date[4:6]}/{her.birth_date[:4]}"
    scene.page.chapter(1, "Her record")
    number = f"{her.ins[0]} {her.ins[1:3]} {her.ins[3:5]} …… {her.ins[-2:]}"
    text = f"{her.first_given_name.title()} {her.birth_family_name}, born {born}, INS {number} (test): identity qualified, key checked"
    patient = await scene.page.step(text, _register(scene, her))
    scene.dominique = await scene.cast.session("dominique", "portal", PurposeOfUse.PURPOSE_OF_USE_PATIENT_REQUEST)
    await scene.page.step('opened at her request, consent "form v3, signed on screen" kept as evidence', _open(scene, patient))
    await scene.page.step("Dr UNTEL is authorised by opening it; nobody else is", _tidy(scene))
    if is_read_here(scene):
        await scene.page.step(f"she is told of what happens by letters to {ADDRESS}, verified by a code", she_has_an_address(scene))


async def _register(scene: Scene, her: PatientTraits) -> str:
    session = scene.alice_session
    sex = {"M": Sex.SEX_MALE, "F": Sex.SEX_FEMALE}.get(her.sex, Sex.SEX_UNKNOWN)
    traits = Traits(
        birth_family_name=her.birth_family_name,
        first_given_name=her.first_given_name,
        given_names=her.given_names,
        birth_date=her.birth_date,
        sex=sex,
        birth_place=her.birth_place,
        used_family_name=her.used_family_name,
    )
    seen = Timestamp()
    seen.GetCurrentTime()
    request = RegisterPatientRequest(
        request_id=request_id(),
        ins=Ins(value=her.ins, authority=her.ins_authority),
        traits=traits,
        identity_status=IdentityStatus.IDENTITY_STATUS_QUALIFIED,
        identity_evidence=IdentityEvidence(insi_call_time=seen, paper=IdentityPaper.IDENTITY_PAPER_NATIONAL_CARD, paper_check_time=seen),
    )
    with telling_refusals():
        answer = await session.connection.patients.RegisterPatient(request, metadata=await session.metadata(), timeout=10)
        if answer.patient.traits.used_family_name != her.used_family_name:
            # Somebody else registered her before, without it.
            held = answer.patient
            traits = Traits()
            traits.CopyFrom(held.traits)
            traits.used_family_name = her.used_family_name
            update = UpdatePatientRequest(
                request_id=request_id(), patient=held.name, etag=held.etag, traits=traits, residence_commune=held.residence_commune
            )
            await session.connection.patients.UpdatePatient(update, metadata=await session.metadata(), timeout=10)
    scene.patient = answer.patient.name
    return scene.patient


async def _open(scene: Scene, patient: str) -> None:
    session = scene.alice_session
    with telling_refusals():
        found = await session.connection.records.LookupRecord(
            LookupRecordRequest(patient=patient), metadata=await session.metadata(), timeout=10
        )
        scene.record = found.record
        if scene.record:
            return
        request = OpenRecordRequest(
            request_id=request_id(),
            patient=patient,
            evidence=ConsentEvidence(form="form", form_version="v3", method="signed on screen"),
            emergency_switches=EmergencySwitches(dispatch=True, break_glass=True, masked_documents=False),
        )
        opened = await session.connection.records.OpenRecord(request, metadata=await session.metadata(), timeout=10)
    scene.record = opened.record.name


async def _tidy(scene: Scene) -> None:
    """Take back what an earlier telling left: blocks, authorisations, attending physicians, masks."""
    portal, connection = scene.dominique, scene.dominique.connection
    with telling_refusals():
        listed = await connection.authorisations.ListAuthorisations(
            ListAuthorisationsRequest(parent=scene.record), metadata=await portal.metadata(), timeout=10
        )
        for statement in listed.authorisations:
            if statement.grantee == scene.alice.name and statement.kind == AuthorisationKind.AUTHORISATION_KIND_STANDING:
                continue
            delete = DeleteAuthorisationRequest(request_id=request_id(), name=statement.name)
            await connection.authorisations.DeleteAuthorisation(delete, metadata=await portal.metadata(), timeout=10)
        for physician in listed.attending_physicians:
            end = EndAttendingPhysicianRequest(request_id=request_id(), record=scene.record, professional=physician.professional)
            await connection.authorisations.EndAttendingPhysician(end, metadata=await portal.metadata(), timeout=10)
        switches = EmergencySwitches(dispatch=True, break_glass=True, masked_documents=False)
        update = UpdateEmergencySwitchesRequest(request_id=request_id(), record=scene.record, emergency_switches=switches)
        await connection.records.UpdateEmergencySwitches(update, metadata=await portal.metadata(), timeout=10)
    for entry in await portal.search(scene.record):
        if Visibility.VISIBILITY_MASKED_FROM_PROFESSIONALS in entry.visibilities:
            with telling_refusals():
                unmask = UnmaskDocumentRequest(request_id=request_id(), name=entry.name)
                await connection.lifecycle.UnmaskDocument(unmask, metadata=await portal.metadata(), timeout=10)
