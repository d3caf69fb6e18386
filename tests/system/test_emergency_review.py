"""The review of an emergency on the whole system: a data-protection officer concludes it, and the person reads the outcome."""

import pytest
from carnet.common.v1.purpose_of_use_pb2 import PURPOSE_OF_USE_OPERATIONS
from carnet.consent.v1.emergency_access_service_pb2 import BreakGlassRequest, EndEmergencyAccessRequest
from carnet.consent.v1.emergency_review_service_pb2 import (
    EMERGENCY_REVIEW_OUTCOME_NOT_JUSTIFIED,
    EmergencyReview,
    ListEmergencyReviewsRequest,
    ReviewEmergencyAccessRequest,
)
from carnet_client import Refused, UserSession, request_id
from carnet_client.refusals import telling_refusals
from carnet_dev.local_run import LocalRun
from support.people import invented
from support.scenes import played
from support.waiting import eventually_answers

WORDS = "She was awake and could be asked."


async def broken_and_ended(emergency: UserSession, record: str) -> str:
    """An emergency access that is over."""
    service = emergency.connection.emergency
    breaking = BreakGlassRequest(
        request_id=request_id(), record=record, cannot_express_will=True, immediate_risk=True, reason="fell asleep", motive="UNCONSCIOUS"
    )
    episode = (await service.BreakGlass(breaking, metadata=await emergency.metadata(), timeout=20)).episode.name
    ending = EndEmergencyAccessRequest(request_id=request_id(), name=episode)
    await service.EndEmergencyAccess(ending, metadata=await emergency.metadata(), timeout=20)
    return episode


async def awaited(officer: UserSession, episode: str) -> list[EmergencyReview]:
    """The reviews of this emergency in all pages of those awaited."""
    found, token = [], ""
    while True:
        asked = ListEmergencyReviewsRequest(page_token=token)
        with telling_refusals():
            page = await officer.connection.emergency_reviews.ListEmergencyReviews(asked, metadata=await officer.metadata(), timeout=20)
        found += [one for one in page.reviews if one.episode == episode]
        token = page.next_page_token
        if not token:
            return found


async def test_the_outcome_of_a_review_is_a_line_of_the_persons_history(carnet: LocalRun) -> None:
    """C7: a review opens; told to the patient."""
    async with played(carnet, invented()) as scene:
        officer = await scene.cast.session("doris", "operations", PURPOSE_OF_USE_OPERATIONS)
        episode = await broken_and_ended(scene.emergency, scene.somebody.record)
        assert [one.motive for one in await awaited(officer, episode)] == ["UNCONSCIOUS"]
        operator = await scene.cast.session("olga", "operations", PURPOSE_OF_USE_OPERATIONS)
        with pytest.raises(Refused) as refused:
            await awaited(operator, episode)
        assert refused.value.reason == "ROLE_NOT_ALLOWED"

        request = ReviewEmergencyAccessRequest(
            request_id=request_id(), episode=episode, outcome=EMERGENCY_REVIEW_OUTCOME_NOT_JUSTIFIED, words=WORDS
        )
        await officer.connection.emergency_reviews.ReviewEmergencyAccess(request, metadata=await officer.metadata(), timeout=20)

        assert not await awaited(officer, episode)

        told: dict[str, str] = {}

        async def has_arrived() -> bool:
            told.update({line.event.kind: line.text for line in await scene.herself.history(scene.somebody.record)})
            return {"emergency.reviewed", "emergency.review_listed", "emergency.opened"} <= told.keys()

        await eventually_answers(has_arrived)
        assert "not justified" in told["emergency.reviewed"] or "pas justifi" in told["emergency.reviewed"]
        assert WORDS in told["emergency.reviewed"]
        assert "MODELE" in told["emergency.reviewed"], "whose access it was"
