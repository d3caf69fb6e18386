"""Breaking the glass on a local system: what the professional, the patient and the data-protection officer see.

Runs after `make demo`, which opens the patient's record: `python docs/examples/break_the_glass.py --folder var`. Everybody in it is
invented. docs/walkthroughs/break-the-glass.md shows what it prints.
"""
# ruff: noqa: INP001  # a script of the documents, not a package

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet.consent.v1.emergency_access_service_pb2 import BreakGlassRequest, EmergencyEpisode, EndEmergencyAccessRequest
from carnet.consent.v1.emergency_review_service_pb2 import (
    EmergencyReviewOutcome,
    ListEmergencyReviewsRequest,
    ReviewEmergencyAccessRequest,
)
from carnet.consent.v1.notice_service_pb2 import ListNoticesRequest
from carnet.consent.v1.record_service_pb2 import LookupRecordRequest
from carnet_client import Refused, UserSession, request_id
from carnet_client.refusals import telling_refusals
from carnet_dev.demo.cast import Cast
from carnet_dev.local_run import NotRunningError

REASON = "found unconscious, anticoagulants?"
PATIENCE = timedelta(seconds=60)
BREAK_GLASS, PATIENT_REQUEST = PurposeOfUse.PURPOSE_OF_USE_BREAK_GLASS, PurposeOfUse.PURPOSE_OF_USE_PATIENT_REQUEST


async def tell(cast: Cast) -> None:
    """Take the steps. Raises ``Refused`` when one is refused that should not be."""
    patient = await cast.session("dominique", "portal", PATIENT_REQUEST)
    found = await _call(patient, patient.connection.records.LookupRecord, LookupRecordRequest(patient=patient.subject))
    chloe = await cast.member("chloe", "software/emergency")
    doctor = await cast.session(chloe.user, "software/emergency", BREAK_GLASS, chloe.structure)
    episode = await professional(doctor, found.record)
    await person(patient, found.record, episode)
    officer = await cast.session("doris", "operations", PurposeOfUse.PURPOSE_OF_USE_OPERATIONS)
    await reviewer(officer, episode)
    await outcome(patient, found.record)


async def professional(session: UserSession, record: str) -> EmergencyEpisode:
    """What Dr Chloé MODELE sees, in the emergency room."""
    _say("The professional")
    await _refused("reads at once", session.search(record))
    await _refused("breaks the glass without attesting", _break(session, record, attests=False))
    await _refused("breaks it without a reason", _break(session, record, reason=""))
    episode = await _break(session, record)
    _say(f"breaks it with both and a reason: open until {_clock(episode.end_time.ToDatetime(UTC))}")
    again = await _break(session, record, reason="still unconscious")
    _say(f"breaks it again: {'the same episode and end' if again == episode else 'ANOTHER EPISODE'}")
    documents = await session.search(record)
    _say(f"finds {len(documents)} documents, reads {(await session.read(documents[0].name)).entry.title!r}")
    await _call(
        session, session.connection.emergency.EndEmergencyAccess, EndEmergencyAccessRequest(request_id=request_id(), name=episode.name)
    )
    _say("ends it before its time")
    await _refused("reads again", session.search(record))
    return episode


async def person(session: UserSession, record: str, episode: EmergencyEpisode) -> None:
    """What the patient sees: a notice, and the lines of her history."""
    _say("The patient")

    async def told() -> list[str]:
        answer = await _call(session, session.connection.notices.ListNotices, ListNoticesRequest(language_code="en"))
        return [f"notice: {one.text} {one.next_step}" for one in answer.notices if one.emergency_episode == episode.name]

    for line in await _awaited(told):
        _say(line)

    async def history() -> list[str]:
        lines = [one for one in await session.history(record) if one.event.emergency_episode == episode.name]
        return [f"history: {one.text}" for one in reversed(lines)] if any(one.event.kind == "emergency.ended" for one in lines) else []

    for line in await _awaited(history):
        _say(line)


async def reviewer(session: UserSession, episode: EmergencyEpisode) -> None:
    """What the data-protection officer sees: the review that is awaited, which she concludes."""
    _say("The data-protection officer")
    answer = await _call(session, session.connection.emergency_reviews.ListEmergencyReviews, ListEmergencyReviewsRequest())
    review = next(one for one in answer.reviews if one.episode == episode.name)
    _say(f"review due {review.due_time.ToDatetime(UTC):%d/%m/%Y}: {review.motive}, {review.reason!r}, broken {review.uses} times")
    request = ReviewEmergencyAccessRequest(
        request_id=request_id(),
        episode=episode.name,
        outcome=EmergencyReviewOutcome.EMERGENCY_REVIEW_OUTCOME_JUSTIFIED,
        words="seen with the emergency room",
    )
    await _call(session, session.connection.emergency_reviews.ReviewEmergencyAccess, request)
    _say("concludes that it was justified")


async def outcome(session: UserSession, record: str) -> None:
    """What the patient sees of that."""
    _say("The patient")

    async def history() -> list[str]:
        lines = [one for one in await session.history(record) if one.event.kind == "emergency.reviewed"]
        return [f"history: {lines[0].text}"] if lines else []

    for line in await _awaited(history):
        _say(line)


async def _break(session: UserSession, record: str, reason: str = REASON, *, attests: bool = True) -> EmergencyEpisode:
    request = BreakGlassRequest(
        request_id=request_id(), record=record, cannot_express_will=attests, immediate_risk=attests, reason=reason, motive="UNCONSCIOUS"
    )
    answer = await _call(session, session.connection.emergency.BreakGlass, request)
    return EmergencyEpisode.FromString(answer.episode.SerializeToString())


async def _call(session: UserSession, method: Callable[..., Any], request: object) -> Any:  # noqa: ANN401  # the method's own answer
    with telling_refusals():
        return await method(request, metadata=await session.metadata(), timeout=10)


async def _refused(what: str, call: Awaitable[object]) -> None:
    try:
        await call
    except Refused as error:
        _say(f"{what}: refused, {error.reason}")
    else:
        raise RuntimeError(f"{what}: was not refused")


async def _awaited(look: Callable[[], Awaitable[list[str]]]) -> list[str]:
    """What is there once it has arrived. Raises TimeoutError after a minute."""
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while True:
            if lines := await look():
                return lines
            await asyncio.sleep(0.5)


def _clock(when: datetime) -> str:
    return f"{when:%H:%M:%S} UTC"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


async def _main(folder: Path) -> None:
    async with Cast(folder) as cast:
        await tell(cast)


def main() -> int:
    """Run it: exit code 0 when every step went as the documents say."""
    parser = argparse.ArgumentParser(description="Break the glass on a local system")
    parser.add_argument("--folder", type=Path, default=Path("var"), help="folder of the running system (default: var)")
    try:
        asyncio.run(_main(parser.parse_args().folder))
    except (NotRunningError, Refused) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
