"""After the emergency: the letter that told her, and the review of the access by a data-protection officer."""

import time
from datetime import UTC
from email.message import EmailMessage

from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet.consent.v1.emergency_access_service_pb2 import EmergencyEpisode
from carnet.consent.v1.emergency_review_service_pb2 import (
    EmergencyReview,
    EmergencyReviewOutcome,
    ListEmergencyReviewsRequest,
    ReviewEmergencyAccessRequest,
)
from carnet_client import UserSession, request_id
from carnet_client.refusals import telling_refusals

from carnet_dev.demo.mail import next_letter, text_of
from carnet_dev.demo.page import StoryError
from carnet_dev.demo.scene import Scene
from carnet_dev.people import patients

WORDS = "seen with the emergency room"


async def told_by_letter(scene: Scene, known: int) -> tuple[EmailMessage, float]:
    """The letter after the first `known` ones, and the seconds until it was there."""
    began = time.monotonic()
    letter = await next_letter(scene, known, lambda one: "exceptionnel" in str(one["Subject"]))
    return letter, time.monotonic() - began


def she_is_told(scene: Scene, letter: EmailMessage, seconds: float, reason: str) -> None:
    """The letter: that her record was opened, and neither who she is nor why, for a letter may be read by others."""
    her, words = patients()["dominique"], f"{letter['Subject']} {text_of(letter)}".upper()
    forbidden = [her.ins, her.birth_family_name, her.used_family_name, reason, scene.chloe.label, *reason.split()]
    told = f'a letter to her, {seconds:.1f} s after: "{letter["Subject"]}". No name, no reason, no medical word in it'
    scene.page.check(told, not [one for one in forbidden if one and one.upper() in words])


async def it_is_reviewed(scene: Scene, episode: EmergencyEpisode) -> None:
    """A review is awaited from the end on; a data-protection officer concludes it, and the outcome is told."""
    officer = await scene.cast.session("doris", "operations", PurposeOfUse.PURPOSE_OF_USE_OPERATIONS)
    review = await _awaited(officer, episode.name)
    due = review.due_time.ToDatetime(UTC)
    told = f"Doris EXEMPLE, data protection: review due {due:%d/%m/%Y}, found justified"
    await scene.page.step(told, _conclude(officer, episode.name))


async def _awaited(officer: UserSession, episode: str) -> EmergencyReview:
    token = ""
    while True:
        request = ListEmergencyReviewsRequest(page_token=token)
        with telling_refusals():
            page = await officer.connection.emergency_reviews.ListEmergencyReviews(request, metadata=await officer.metadata(), timeout=10)
        if found := [one for one in page.reviews if one.episode == episode]:
            return found[0]
        token = page.next_page_token
        if not token:
            raise StoryError("the review")


async def _conclude(officer: UserSession, episode: str) -> None:
    request = ReviewEmergencyAccessRequest(
        request_id=request_id(), episode=episode, outcome=EmergencyReviewOutcome.EMERGENCY_REVIEW_OUTCOME_JUSTIFIED, words=WORDS
    )
    with telling_refusals():
        await officer.connection.emergency_reviews.ReviewEmergencyAccess(request, metadata=await officer.metadata(), timeout=10)
