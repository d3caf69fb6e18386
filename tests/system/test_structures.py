"""A hospital by its certificate: its own token writes and never reads; a user whom it names reads as herself, and every line says so."""

import time

from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet.consent.v1.authorisation_pb2 import Authorisation
from carnet.consent.v1.authorisation_service_pb2 import CreateAuthorisationRequest
from carnet.identity.v1.session_service_pb2 import LOCAL_AUTHENTICATION_CARD, AssertedUser
from carnet_client import UserSession, request_id
from carnet_client.refusals import telling_refusals
from carnet_dev.local_run import LocalRun
from google.protobuf.timestamp_pb2 import Timestamp
from support.answers import refusal
from support.people import HERSELF, STANDING, TREATMENT, state
from support.scenes import BREAK_GLASS, Scene, break_glass, played
from support.waiting import eventually_answers

HOSPITAL = "software/hospital"


async def _authorise(scene: Scene, structure: str) -> None:
    """The person authorises a structure for a day."""
    tomorrow = Timestamp(seconds=int(time.time()) + 86_400)
    stated = Authorisation(grantee=structure, kind=STANDING, end_time=tomorrow)
    request = CreateAuthorisationRequest(request_id=request_id(), parent=scene.somebody.record, authorisation=stated)
    with telling_refusals():
        await scene.herself.connection.authorisations.CreateAuthorisation(request, metadata=await scene.herself.metadata(), timeout=20)


async def _asserted(scene: Scene, *, purpose: PurposeOfUse.ValueType = TREATMENT, provider_unreachable: bool) -> UserSession:
    """Chloé of the hospital, as the hospital names her."""
    rpps = (await scene.member("chloe")).rpps

    def user() -> AssertedUser:
        return AssertedUser(
            rpps=rpps,
            authentication=LOCAL_AUTHENTICATION_CARD,
            authentication_time=Timestamp(seconds=int(time.time())),
            provider_unreachable=provider_unreachable,
        )

    return await UserSession.of_certificate(await scene.cast.connection(HOSPITAL), purpose, user)


async def test_a_structures_own_token_deposits_and_never_reads(carnet: LocalRun) -> None:
    """domain.md 1.2: a technical user writes and never reads, not even where its structure is authorised."""
    async with played(carnet) as scene:
        hospital, record = await scene.cast.system(HOSPITAL), scene.somebody.record
        await _authorise(scene, hospital.subject)
        # Not by the purpose of its token, and not by naming another one.
        for purpose in (PurposeOfUse.PURPOSE_OF_USE_SYSTEM_DEPOSIT, TREATMENT, HERSELF, PurposeOfUse.PURPOSE_OF_USE_BREAK_GLASS):
            hospital.purpose = purpose
            for reading in (hospital.search(record), hospital.read(scene.document), hospital.history(record)):
                assert (await refusal(reading)).code in {"PERMISSION_DENIED", "INVALID_ARGUMENT"}
        hospital.purpose = PurposeOfUse.PURPOSE_OF_USE_SYSTEM_DEPOSIT
        deposit = await hospital.deposit(record, scene.somebody.document(1))
        assert deposit.entry.name.startswith(record)


async def test_a_user_whom_a_structure_names_reads_and_her_history_says_who_vouched(carnet: LocalRun) -> None:
    """rules.md 11: the identity provider being down, a hospital asserts the named user by its certificate; the event says so."""
    async with played(carnet) as scene:
        record, chloe = scene.somebody.record, await scene.member("chloe")
        await state(scene.herself, record, chloe.name, STANDING)
        asserted = await _asserted(scene, provider_unreachable=True)
        assert asserted.subject == chloe.name
        assert (await asserted.read(scene.document)).content == scene.content

        said = "who logged in there, as the national identity provider could not be reached"

        async def is_told() -> bool:
            return any(said in line.text for line in await scene.herself.history(record) if "MODELE" in line.actor_name)

        await eventually_answers(is_told)


async def test_an_emergency_goes_on_while_the_provider_is_down_and_says_so(carnet: LocalRun) -> None:
    """rules.md 11, and 9: who breaks the glass is the named professional, and the history says who vouched for her."""
    async with played(carnet) as scene:
        record = scene.somebody.record
        asserted = await _asserted(scene, purpose=BREAK_GLASS, provider_unreachable=True)
        await break_glass(asserted, record)
        assert (await asserted.read(scene.document)).content == scene.content
        said = "as the national identity provider could not be reached, opened your record in an emergency"

        async def is_told() -> bool:
            return any(said in line.text for line in await scene.herself.history(record))

        await eventually_answers(is_told)
