"""Reviews emergency accesses: lists those that await it, and concludes them (`domain/review.py`).

A list holds the words of professionals about a person, so each row is recorded in her history before it is told. A conclusion is a change
of her record: its event is stored with it, and tells her the outcome.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from carnet_platform.journal import Journal
from carnet_platform.mongo import Session
from google.protobuf.message import Message

from carnet_consent.domain.consent import Consent
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.review import Review, ReviewState, check_may_review, check_outcome, conclude
from carnet_consent.storage.read_batch import ReadBatch
from carnet_consent.storage.reviews import Reviews
from carnet_consent.usecases.acting import Acting, Write
from carnet_consent.usecases.change import Changed, Changes
from carnet_consent.usecases.events import about_review, event, payload

Place = tuple[datetime, str]


@dataclass(frozen=True)
class ReviewEmergencies:
    """The verbs ListEmergencyReviews and ReviewEmergencyAccess."""

    changes: Changes
    reviews: Reviews
    batch: ReadBatch
    journal: Journal

    async def awaited(self, acting: Acting, after: Place | None, size: int) -> tuple[list[Review], Place | None, datetime]:
        """A page of the reviews awaited, where the next one begins, and at which instant they were looked at."""
        check_may_review(acting.asker)
        now = self.changes.clock.now()
        page, place = await self.reviews.page(now, after, size)
        await asyncio.gather(*(self._record(acting, review, now) for review in page))
        # Last of all, with nothing awaited between the look and the answer: whoever was withdrawn meanwhile is told nothing.
        if (await self.batch.read("", acting.fences)).is_withdrawn:
            raise RuleBrokenError("SESSION_WITHDRAWN", "This session has ended. Log in again.")
        return page, place, now

    async def conclude(
        self, write: Write, name: str, outcome: ReviewState, words: str, answer: Callable[[Changed[Review]], Message]
    ) -> bytes:
        """Conclude a review. NOT_FOUND where there is none; STATE_FORBIDS before its episode has ended, and the second time."""
        asker = write.acting.asker
        check_may_review(asker)
        check_outcome(outcome, words)
        found = await self._found(name)

        def change(consent: Consent, now: datetime) -> Changed[Review]:
            review = conclude(found, asker, outcome, words, now)
            told = event("emergency.reviewed", consent.record, write.acting, now, write.asked.request_id)
            return Changed(consent, (about_review(told, review),), review)

        async def also(session: Session, _: Consent, now: datetime) -> None:
            await self.reviews.conclude(session, conclude(await self._found(name, session), asker, outcome, words, now))

        return await self.changes.apply(write, found.record, change, answer, also=also)

    async def _found(self, name: str, session: Session | None = None) -> Review:
        review = await self.reviews.read(name, session=session)
        if review is None:
            raise RuleBrokenError("NOT_FOUND", "There is no review of such an emergency access.")
        return review

    async def _record(self, acting: Acting, review: Review, now: datetime) -> None:
        await self.journal.append(payload(about_review(event("emergency.review_listed", review.record, acting, now), review)))
