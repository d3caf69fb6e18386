"""Who plays in a test against the whole system: a doctor, a stranger to the record, an emergency doctor, and a person with one document."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet.consent.v1.emergency_access_service_pb2 import BreakGlassRequest, EmergencyEpisode
from carnet_client import UserSession, request_id
from carnet_client.refusals import telling_refusals
from carnet_dev.demo.cast import Cast, Member
from carnet_dev.local_run import LocalRun

from support.people import HERSELF, TREATMENT, Somebody, invented, with_record

BREAK_GLASS = PurposeOfUse.PURPOSE_OF_USE_BREAK_GLASS


@dataclass(frozen=True)
class Scene:
    """Everybody logged in; the document is deposited."""

    cast: Cast
    doctor: UserSession
    """Alice, who opened the record."""
    stranger: UserSession
    """Bruno, whom nobody authorised."""
    emergency: UserSession
    """Chloé, for breaking the glass."""
    herself: UserSession
    somebody: Somebody
    content: bytes
    document: str
    """`records/{record}/documents/{document}`."""

    async def log_in(self, user: str, software: str = "software/gp", purpose: PurposeOfUse.ValueType = TREATMENT) -> UserSession:
        """Another session of a professional, at her first structure."""
        member = await self.member(user)
        return await self.cast.session(user, software, purpose, member.structure)

    async def member(self, user: str) -> Member:
        """A professional of the directory."""
        return await self.cast.member(user)


@asynccontextmanager
async def played(carnet: LocalRun, somebody: Somebody | None = None) -> AsyncIterator[Scene]:
    """A scene of its own."""
    async with Cast(carnet.folder) as cast:
        alice, bruno, chloe = [await cast.member(user) for user in ("alice", "bruno", "chloe")]
        doctor = await cast.session("alice", "software/gp", TREATMENT, alice.structure)
        known = await with_record(doctor, somebody or invented())
        content = known.document(0)
        yield Scene(
            cast=cast,
            doctor=doctor,
            stranger=await cast.session("bruno", "software/gp", TREATMENT, bruno.structure),
            emergency=await cast.session("chloe", "software/emergency", BREAK_GLASS, chloe.structure),
            herself=await cast.session(f"ins:{known.ins}", "portal", HERSELF),
            somebody=known,
            content=content,
            document=(await doctor.deposit(known.record, content)).entry.name,
        )


async def break_glass(session: UserSession, record: str, reason: str = "coma", seconds: int = 0) -> EmergencyEpisode:
    """Break the glass with both attestations. Raises Refused."""
    request = BreakGlassRequest(request_id=request_id(), record=record, cannot_express_will=True, immediate_risk=True, reason=reason)
    if seconds:
        request.duration.seconds = seconds
    with telling_refusals():
        answer = await session.connection.emergency.BreakGlass(request, metadata=await session.metadata(), timeout=10)
    return answer.episode
