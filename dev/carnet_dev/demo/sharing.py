"""Chapters 3 to 5: refused without consent, reading with it; one document hidden; blocked, and refused that moment."""

import asyncio
import hashlib
import time
from datetime import UTC, datetime, timedelta

from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet.consent.v1.authorisation_pb2 import Authorisation, AuthorisationKind
from carnet.consent.v1.authorisation_service_pb2 import (
    ConfirmAttendingPhysicianRequest,
    CreateAuthorisationRequest,
    DeclareAttendingPhysicianRequest,
)
from carnet.documents.v1.document_entry_pb2 import DocumentEntry
from carnet.documents.v1.document_lifecycle_service_pb2 import MaskDocumentRequest
from carnet_client import Refused, UserSession, request_id
from carnet_client.refusals import telling_refusals

from carnet_dev.demo.cast import Member
from carnet_dev.demo.explaining import she_looks_before
from carnet_dev.demo.scene import Scene

SYNTHESES = ("60591-5", "SYNTH", "11490-0", "34133-9")
SENSITIVE = ("34794-8",)
PERMIT_SECONDS = 0.5
NEVER_GIVEN = "aaaaaaaaaaaaaaaaaaaaaaaaaa"


def chosen(entries: list[DocumentEntry], types: tuple[str, ...]) -> DocumentEntry:
    """The first entry of the first of these types, or, where there is none, the first of all."""
    by_type = {entry.type.code: entry for entry in reversed(entries)}
    return next((by_type[code] for code in types if code in by_type), entries[0])


async def _state(scene: Scene, someone: Member, kind: AuthorisationKind.ValueType, ends: datetime | None = None) -> None:
    statement = Authorisation(grantee=someone.name, kind=kind)
    if ends is not None:
        statement.end_time.FromDatetime(ends)
    request = CreateAuthorisationRequest(request_id=request_id(), parent=scene.record, authorisation=statement)
    with telling_refusals():
        portal = scene.dominique
        await portal.connection.authorisations.CreateAuthorisation(request, metadata=await portal.metadata(), timeout=10)


async def never_met(scene: Scene) -> None:
    """Chapter 3: Dr EXEMPLE needs her consent, gets it, reads what Dr UNTEL sent, byte for byte."""
    page, bruno = scene.page, scene.bruno_session
    page.chapter(3, f"{scene.bruno.label}, cardiology, has never met her")
    await page.refusal("search", bruno.search(scene.record), "NEEDS_CONSENT")
    scene.refused.add((scene.bruno.name, "NEEDS_CONSENT"))
    ends = datetime.now(UTC) + timedelta(days=365)
    granted = _state(scene, scene.bruno, AuthorisationKind.AUTHORISATION_KIND_STANDING, ends)
    await page.step(f"she authorises him until {ends:%d/%m/%Y}", granted)
    found = await page.step("search          ✓", bruno.search(scene.record))
    # An earlier telling with other documents may have left some: all of these are there, whatever else is.
    scene.total = len(found)
    times = [entry.creation_time.ToDatetime() for entry in found]
    are_all_there = {entry.name for entry in scene.kept} <= {entry.name for entry in found}
    page.check(f"{len(found)} documents, newest first", are_all_there and times == sorted(times, reverse=True))
    synthesis = chosen([entry for entry in found if entry.name in scene.sent], SYNTHESES)
    read = await page.step(f"read            ✓ {synthesis.title}, {synthesis.size / 1000:.0f} kB", bruno.read(synthesis.name))
    digest = hashlib.sha256(read.content).hexdigest()
    same = read.content == scene.sent[synthesis.name]
    page.check(f"sha-256 {digest[:4]}…{digest[-4:]} = the file {scene.alice.label} sent, byte for byte", same)


async def she_hides_one(scene: Scene) -> None:
    """Chapter 4: hidden from professionals, but for its depositor and the attending physician."""
    page, portal = scene.page, scene.dominique
    page.chapter(4, "She hides one")
    hidden = chosen(scene.kept, SENSITIVE)
    await page.step(f'"{hidden.title}" hidden from professionals', _mask(scene, hidden))
    kept = await scene.alice_session.search(scene.record)
    page.check(f"{scene.alice.label}, who deposited it, keeps it", hidden.name in {entry.name for entry in kept})
    found = await scene.bruno_session.search(scene.record)
    page.check(
        f"{scene.bruno.label:<15} {len(found)} documents", len(found) == scene.total - 1 and hidden.name not in {e.name for e in found}
    )
    asked = await _why(scene.bruno_session, hidden.name)
    never = await _why(scene.bruno_session, f"{scene.record}/documents/{NEVER_GIVEN}")
    scene.refused.add((scene.bruno.name, "NOT_FOUND"))
    told = "asked by its number: NOT_FOUND, word for word as for a number never given"
    page.check(told, asked is not None and asked == never and asked[0] == "NOT_FOUND")
    await _state(scene, scene.denis, AuthorisationKind.AUTHORISATION_KIND_STANDING)
    attending = await page.step(f"{scene.denis.label}, authorised, says he is her médecin traitant; she has not confirmed", _declare(scene))
    page.check("he does not see it yet", hidden.name not in {entry.name for entry in await attending.search(scene.record)})
    await page.step("she confirms him", _confirm(scene, portal))
    # A permit given before may serve until it ends, 400 ms after it was asked for.
    await asyncio.sleep(PERMIT_SECONDS)
    page.check("the médecin traitant sees it", hidden.name in {entry.name for entry in await attending.search(scene.record)})


async def _mask(scene: Scene, entry: DocumentEntry) -> None:
    portal = scene.dominique
    with telling_refusals():
        request = MaskDocumentRequest(request_id=request_id(), name=entry.name)
        await portal.connection.lifecycle.MaskDocument(request, metadata=await portal.metadata(), timeout=10)


async def _why(session: UserSession, name: str) -> tuple[str, str] | None:
    try:
        await session.read(name)
    except Refused as refused:
        return refused.reason, refused.message
    return None


async def _declare(scene: Scene) -> UserSession:
    session = await scene.cast.session(scene.denis.user, "software/gp", PurposeOfUse.PURPOSE_OF_USE_TREATMENT, scene.denis.structure)
    request = DeclareAttendingPhysicianRequest(request_id=request_id(), record=scene.record, professional=scene.denis.name)
    with telling_refusals():
        await session.connection.authorisations.DeclareAttendingPhysician(request, metadata=await session.metadata(), timeout=10)
    return session


async def _confirm(scene: Scene, portal: UserSession) -> None:
    request = ConfirmAttendingPhysicianRequest(request_id=request_id(), record=scene.record, professional=scene.denis.name)
    with telling_refusals():
        await portal.connection.authorisations.ConfirmAttendingPhysician(request, metadata=await portal.metadata(), timeout=10)


async def she_blocks(scene: Scene) -> None:
    """Chapter 5: once the block is acknowledged, the next read is refused."""
    page = scene.page
    page.chapter(5, f"She blocks {scene.bruno.label}")
    await she_looks_before(scene)
    began = time.perf_counter()
    await _state(scene, scene.bruno, AuthorisationKind.AUTHORISATION_KIND_BLOCK)
    acknowledged = time.perf_counter()
    page.check("acknowledged: it holds everywhere", holds=True, aside=f"{acknowledged - began:.1f} s")
    await page.refusal("his next read", scene.bruno_session.read(chosen(scene.kept, SYNTHESES).name), "BLOCKED")
    scene.refused.add((scene.bruno.name, "BLOCKED"))
