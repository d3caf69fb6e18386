"""Clocks that are wrong: a token is refused outside its minute of tolerance, and no emergency access is made longer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from carnet.consent.v1.authorisation_pb2 import Authorisation
from carnet.consent.v1.authorisation_service_pb2 import CreateAuthorisationRequest
from carnet_client import Refused, UserSession, request_id
from support.answers import refusal
from support.people import BLOCK, STANDING, state
from support.scenes import break_glass, played
from support.waiting import elapsed

from faults.conftest import Fragile

LIFETIME, TOLERANCE, MOMENT = timedelta(minutes=5), timedelta(seconds=60), timedelta(seconds=20)
"""Of a token; of what a clock may be wrong by; and what a busy machine may take between two lines of a test."""
PERMIT_SECONDS = 0.4
SERVICES = ("documents", "consent")


@pytest.fixture(autouse=True)
def true_time(fragile: Fragile) -> Iterator[None]:
    """Every clock right again, whatever happened."""
    yield
    fragile.move_clock(timedelta())


async def is_answered(session: UserSession, document: str) -> bool:
    """Whether a read is answered by a decision taken now, not by a permit in hand."""
    try:
        await session.search(document.partition("/documents/")[0], unique_id="1.2.3")
        await session.read(document)
    except Refused:
        return False
    return True


async def until_refused(session: UserSession, document: str) -> tuple[str, str]:
    """The refusal, at the latest when the permit in hand has ended."""
    await elapsed(PERMIT_SECONDS + 0.1)
    return (await refusal(session.read(document))).brief


async def test_a_token_is_refused_once_it_has_ended_by_more_than_a_minute(fragile: Fragile) -> None:
    """R9: within the tolerance it is answered, outside it is not, on whatever service the clock is ahead."""
    async with played(fragile.run) as scene:
        for services in (("documents",), ("consent",), ()):
            fragile.move_clock(timedelta())
            fragile.move_clock(LIFETIME + TOLERANCE - MOMENT - timedelta(seconds=20), *services)
            assert await is_answered(scene.doctor, scene.document), services
            fragile.move_clock(LIFETIME + TOLERANCE + timedelta(seconds=1), *services)
            assert await until_refused(scene.doctor, scene.document) == ("UNAUTHENTICATED", "TOKEN_EXPIRED"), services
            fragile.move_clock(timedelta(days=1), *services)
            assert await until_refused(scene.doctor, scene.document) == ("UNAUTHENTICATED", "TOKEN_EXPIRED"), services


async def test_a_service_whose_clock_is_behind_by_more_than_a_minute_takes_no_token(fragile: Fragile) -> None:
    """R9: a token that is not valid yet is refused; a clock behind by less is not noticed."""
    async with played(fragile.run) as scene:
        for service in SERVICES:
            fragile.move_clock(timedelta())
            fragile.move_clock(MOMENT - TOLERANCE, service)
            # Nobody's statements have begun for consent yet, but its refusal is one of a token that was taken.
            if service != "consent":
                assert await is_answered(scene.doctor, scene.document), service
            fragile.move_clock(-timedelta(hours=1), service)
            # A token already verified was valid then; so another one, given now.
            fresh = await scene.log_in("alice")
            assert await until_refused(fresh, scene.document) == ("UNAUTHENTICATED", "TOKEN_EXPIRED"), service


async def test_a_block_holds_for_a_consent_service_whose_clock_is_behind_the_one_that_took_it(fragile: Fragile) -> None:
    """R9: what permits begins at its start, what refuses holds from the moment it is stated."""
    async with played(fragile.run) as scene:
        bruno = await scene.member("bruno")
        await state(scene.herself, scene.somebody.record, bruno.name, STANDING)
        fragile.move_clock(timedelta(seconds=50))
        block = Authorisation(grantee=bruno.structure, kind=BLOCK)
        block.end_time.FromDatetime(datetime.now(UTC) + timedelta(days=30))
        request = CreateAuthorisationRequest(request_id=request_id(), parent=scene.somebody.record, authorisation=block)
        await scene.herself.connection.authorisations.CreateAuthorisation(request, metadata=await scene.herself.metadata(), timeout=20)
        fragile.move_clock(timedelta(seconds=10), "consent")
        assert await until_refused(scene.stranger, scene.document) == ("PERMISSION_DENIED", "BLOCKED")


async def test_emergency_access_ends_and_no_clock_turned_back_makes_it_longer(fragile: Fragile) -> None:
    """R9, C7: it ends by itself; when the clock of the service that decides jumps backwards, nobody gets in again."""
    async with played(fragile.run) as scene:
        await break_glass(scene.emergency, scene.somebody.record, seconds=120)
        assert (await scene.emergency.read(scene.document)).content == scene.content
        fragile.move_clock(timedelta(seconds=121))
        assert await until_refused(scene.emergency, scene.document) == ("PERMISSION_DENIED", "EPISODE_ENDED")
        fragile.move_clock(timedelta())
        fragile.move_clock(-timedelta(hours=1), "consent")
        again = await scene.cast.session("chloe", "software/emergency", scene.emergency.purpose, (await scene.member("chloe")).structure)
        assert await until_refused(again, scene.document) == ("UNAUTHENTICATED", "TOKEN_EXPIRED")
