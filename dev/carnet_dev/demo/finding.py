"""Finding her without her card: by what a driving licence says, among two who bear the same names and were born on the same day."""

from carnet.identity.v1.patient_pb2 import IdentityStatus, Ins, Sex, Traits
from carnet.identity.v1.patient_registry_service_pb2 import RegisterPatientRequest
from carnet.identity.v1.patient_search_service_pb2 import (
    SearchPatientsRequest,
    SearchPatientsResponse,
    SelectCandidateRequest,
    SelectCandidateResponse,
)
from carnet_client import UserSession, request_id
from carnet_client.refusals import telling_refusals

from carnet_dev.demo.scene import Scene
from carnet_dev.people import patients

HOMONYM_INS = "279036311304262"
HOMONYM_BIRTH_PLACE = "63113"


async def find_her(scene: Scene, session: UserSession) -> None:
    """Search by used name, first name and birth date; the place of birth on the licence tells her from her homonym."""
    page, her = scene.page, patients()["dominique"]
    await _register_homonym(scene)
    found = await page.step("looked for by used name, first name and birth date, from a driving licence", _search(session))
    meant = [one for one in found.candidates if one.traits.birth_place == her.birth_place]
    others = [one for one in found.candidates if one.traits.birth_place == HOMONYM_BIRTH_PLACE]
    are_two = [one.patient for one in meant] == [scene.patient] and len(others) == 1 and len(found.candidates) == 2  # noqa: PLR2004
    page.check("two persons, born in two towns; no INS before one is chosen", are_two and her.ins not in str(found))
    chosen = await page.step("the licence names the town: one match, one homonym set aside", _select(session, found, scene.patient))
    page.check("the one chosen is she", chosen.patient.name == scene.patient and chosen.patient.ins.value == her.ins)


async def _register_homonym(scene: Scene) -> None:
    session, her = scene.alice_session, patients()["dominique"]
    traits = Traits(
        birth_family_name="PAT-QUATRE",
        first_given_name=her.first_given_name,
        birth_date=her.birth_date,
        sex=Sex.SEX_FEMALE,
        birth_place=HOMONYM_BIRTH_PLACE,
        used_family_name=her.used_family_name,
    )
    request = RegisterPatientRequest(
        request_id=request_id(),
        ins=Ins(value=HOMONYM_INS, authority=her.ins_authority),
        traits=traits,
        identity_status=IdentityStatus.IDENTITY_STATUS_PROVISIONAL,
    )
    with telling_refusals():
        await session.connection.patients.RegisterPatient(request, metadata=await session.metadata(), timeout=10)


async def _search(session: UserSession) -> SearchPatientsResponse:
    her = patients()["dominique"]
    request = SearchPatientsRequest(
        family_name=her.used_family_name.title(), given_name=her.first_given_name.title(), birth_date=her.birth_date
    )
    with telling_refusals():
        return await session.connection.search.SearchPatients(request, metadata=await session.metadata(), timeout=10)


async def _select(session: UserSession, found: SearchPatientsResponse, patient: str) -> SelectCandidateResponse:
    request = SelectCandidateRequest(request_id=request_id(), search=found.search, patient=patient)
    with telling_refusals():
        return await session.connection.search.SelectCandidate(request, metadata=await session.metadata(), timeout=10)
