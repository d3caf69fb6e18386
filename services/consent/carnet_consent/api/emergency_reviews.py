"""`carnet.consent.v1.EmergencyReviewService`: reviewing emergency accesses."""

import base64
import binascii
from datetime import datetime
from typing import Final

import grpc
from carnet.consent.v1 import emergency_review_service_pb2 as pb
from carnet.consent.v1.emergency_review_service_pb2_grpc import EmergencyReviewServiceServicer
from carnet_platform.envelope import Context, EnvelopeError, seal, unseal
from carnet_platform.errors import InvalidArgument
from carnet_platform.keys import MasterKeys

from carnet_consent.api import mapping
from carnet_consent.api.refusing import refusing
from carnet_consent.domain.review import Review, ReviewState
from carnet_consent.usecases.acting import acting, writing
from carnet_consent.usecases.record_refusals import RecordRefusals
from carnet_consent.usecases.review import Place, ReviewEmergencies

MOST: Final = 50
"""Rows of a page."""
_LONGEST_TOKEN: Final = 500
_OUTCOMES: Final = {
    pb.EMERGENCY_REVIEW_OUTCOME_UNSPECIFIED: ReviewState.DUE,
    pb.EMERGENCY_REVIEW_OUTCOME_JUSTIFIED: ReviewState.JUSTIFIED,
    pb.EMERGENCY_REVIEW_OUTCOME_NOT_JUSTIFIED: ReviewState.NOT_JUSTIFIED,
}
_NUMBERS: Final = {state: number for number, state in _OUTCOMES.items()}


class EmergencyReviewServicer(EmergencyReviewServiceServicer):
    """Parses, asks the use case, maps the answer."""

    def __init__(self, reviews: ReviewEmergencies, refusals: RecordRefusals, keys: MasterKeys) -> None:
        self._reviews, self._refusals, self._key = reviews, refusals, keys.derive("review-page-token")

    async def ListEmergencyReviews(  # noqa: N802 -- the contract's name
        self,
        request: pb.ListEmergencyReviewsRequest,
        context: grpc.aio.ServicerContext[pb.ListEmergencyReviewsRequest, pb.ListEmergencyReviewsResponse],
    ) -> pb.ListEmergencyReviewsResponse:
        """Tell which emergency accesses await their review."""
        del context
        who = acting()
        if not 0 <= request.page_size <= MOST:
            raise InvalidArgument("INVALID_FIELD", f"must be at most {MOST}", field="page_size")
        after = self._place(who.asker.subject, request.page_token) if request.page_token else None
        async with refusing(self._refusals, who, ""):
            page, place, now = await self._reviews.awaited(who, after, request.page_size or MOST)
        token = self._token(who.asker.subject, place) if place is not None else ""
        return pb.ListEmergencyReviewsResponse(reviews=[_told(review, now) for review in page], next_page_token=token)

    async def ReviewEmergencyAccess(  # noqa: N802
        self,
        request: pb.ReviewEmergencyAccessRequest,
        context: grpc.aio.ServicerContext[pb.ReviewEmergencyAccessRequest, pb.ReviewEmergencyAccessResponse],
    ) -> pb.ReviewEmergencyAccessResponse:
        """Conclude a review."""
        del context
        record, _ = mapping.child_name(request.episode, "emergencyEpisodes", "episode")
        outcome, write = _OUTCOMES.get(request.outcome, ReviewState.DUE), writing(request)
        async with refusing(self._refusals, write.acting, record):
            answer = await self._reviews.conclude(
                write,
                request.episode,
                outcome,
                request.words,
                lambda concluded: pb.ReviewEmergencyAccessResponse(review=_told(concluded.result, None)),
            )
        return pb.ReviewEmergencyAccessResponse.FromString(answer)

    def _token(self, user: str, place: Place) -> str:
        due, name = place
        sealed = seal(self._key, f"{due.isoformat()} {name}".encode(), _context(user))
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def _place(self, user: str, token: str) -> Place:
        try:
            sealed = base64.b64decode(token[:_LONGEST_TOKEN] + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            due, _, name = unseal(self._key, sealed, _context(user)).decode().partition(" ")
            return datetime.fromisoformat(due), name
        except (EnvelopeError, ValueError, binascii.Error):
            raise InvalidArgument("PAGE_TOKEN_INVALID", "was made for another request", field="page_token") from None


def _told(review: Review, now: datetime | None) -> pb.EmergencyReview:
    """A review as told; overdue as it stands at an instant."""
    return pb.EmergencyReview(
        episode=review.episode,
        professional=review.professional,
        structure=review.structure,
        begin_time=mapping.timestamp(review.begin),
        end_time=mapping.timestamp(review.end),
        due_time=mapping.timestamp(review.due),
        overdue=now is not None and review.is_overdue(now),
        motive=review.motive,
        reason=review.reason,
        uses=review.uses,
        outcome=_NUMBERS[review.state],
        words=review.words,
    )


def _context(user: str) -> Context:
    return Context("page_tokens", "emergency_reviews", subject=user)
