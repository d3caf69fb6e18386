"""What a professional states about another, on a real store: consent collected for him, and a block that the person asked for."""

import pytest
from carnet.consent.v1 import authorisation_pb2 as statements
from carnet.consent.v1 import authorisation_service_pb2 as authorisations
from carnet_platform.errors import Refusal
from component.consent.conftest import CONTEXT, DOCTOR, HOLDER, NURSE, Running, new_request


async def stated(running: Running, record: str, kind: str, *, for_another: bool = False, motive: str = "") -> statements.Authorisation:
    """What the doctor states about the nurse."""
    number = statements.AuthorisationKind.Value(f"AUTHORISATION_KIND_{kind}")
    request = authorisations.CreateAuthorisationRequest(
        request_id=new_request(),
        parent=record,
        authorisation=statements.Authorisation(grantee=NURSE.subject, kind=number, motive=motive),
        for_another=for_another,
    )
    with DOCTOR.calling("/carnet.consent.v1.AuthorisationService/CreateAuthorisation"):
        return (await running.authorisations.CreateAuthorisation(request, CONTEXT)).authorisation


async def test_consent_collected_for_another_opens_and_a_block_on_request_closes_until_the_person_unblocks(running: Running) -> None:
    """CSP L1111-17 II; domain.md 1.3."""
    record = await running.open()
    with pytest.raises(Refusal) as refused:
        await stated(running, record, "STANDING")
    assert refused.value.reason == "ROLE_NOT_ALLOWED"

    made = await stated(running, record, "SINGLE_CONSULTATION", for_another=True)
    assert (made.grantee, made.stated_by) == (NURSE.subject, DOCTOR.subject)
    assert await running.answer(NURSE, record) == "permit"

    with pytest.raises(Refusal):
        await stated(running, record, "BLOCK", motive="She asked me to")
    declare = authorisations.DeclareAttendingPhysicianRequest(request_id=new_request(), record=record, professional=DOCTOR.subject)
    with HOLDER.calling():
        await running.authorisations.DeclareAttendingPhysician(declare, CONTEXT)
    with pytest.raises(Refusal) as refused:
        await stated(running, record, "BLOCK")
    assert (refused.value.reason, refused.value.field) == ("INVALID_FIELD", "authorisation.motive")
    block = await stated(running, record, "BLOCK", motive="She asked me to")
    assert await running.answer(NURSE, record) == "BLOCKED"

    with pytest.raises(Refusal) as refused:
        await running.take_back(DOCTOR, block.name)
    assert refused.value.reason == "NOT_FOUND"
    await running.take_back(HOLDER, block.name)
    assert await running.answer(NURSE, record) == "NEEDS_CONSENT"
