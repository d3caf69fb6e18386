"""Watches emergency accesses, away from the path on which they begin: reviews that are overdue, and who breaks the glass too often.

1. A review that nobody concluded in time is told once: to the person, as an event of her record, and as an alarm. It stays awaited.
2. Who began more emergencies within a day than is usual is told once a day: an alarm, and an event in the operators' stream. It is never a
   refusal (rules.md 10). Counted are the reviews, one of which every episode has: no count of its own can be lost or be in the way.

Every process watches; what one has told the others do not tell again. What cannot be told because the store is away is told later.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from carnet_platform.errors import Refusal
from carnet_platform.idempotency import Asked
from carnet_platform.journal import Journal
from carnet_platform.mongo import Session, in_transaction
from google.protobuf.empty_pb2 import Empty

from carnet_consent.domain.asker import Asker, Purpose
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.review import Review
from carnet_consent.storage.reviews import Reviews
from carnet_consent.storage.told import Told
from carnet_consent.storage.watching import watching
from carnet_consent.usecases.acting import Acting, Write
from carnet_consent.usecases.change import Changed, Changes
from carnet_consent.usecases.events import about_review, event, payload

_log = structlog.get_logger(__name__)
MOST: Final = 100
"""Overdue reviews told in one round."""
DAY: Final = timedelta(days=1)
PLATFORM: Final = Acting(Asker("", "PLATFORM", "", Purpose.OPERATIONS), fences=(), software="spiffe://carnet/consent", trace_id="")
"""The service itself, where nobody asks it."""
_NAMES: Final = uuid.UUID("5f1b7c0e-0d0a-4a53-9d2f-0d6f9f6f3c11")


@dataclass(frozen=True, slots=True)
class EmergencyRates:
    """How many emergencies somebody may begin within a day before it is an outlier."""

    professional: int
    structure: int


class _AlreadyToldError(Exception):
    """Another process told it."""


@dataclass(frozen=True)
class WatchEmergencies:
    """The watch."""

    changes: Changes
    reviews: Reviews
    told: Told
    journal: Journal
    rates: EmergencyRates
    every: timedelta

    async def run(self) -> None:
        """Look until cancelled."""
        await watching(self.look, self.every, "emergency_watch.failed")

    async def look(self) -> None:
        """Look once. What cannot be told now is found again in the next round."""
        try:
            await self._look(self.changes.clock.now())
        except Refusal as refusal:
            _log.warning("emergency_watch.postponed", reason=refusal.reason)

    async def _look(self, now: datetime) -> None:
        for review in await self.reviews.overdue(now, MOST):
            await self._tell_overdue(review)
        for field, most in (("professional", self.rates.professional), ("structure", self.rates.structure)):
            async for who, count in self.reviews.begun_since(now - DAY, field, most):
                await self._tell_rate(who, count, now)

    async def _tell_overdue(self, review: Review) -> None:
        def change(consent: Consent, now: datetime) -> Changed[None]:
            told = about_review(event("emergency.review_overdue", consent.record, PLATFORM, now), review)
            return Changed(consent, (told,), None)

        async def also(session: Session, _: Consent, now: datetime) -> None:
            del now
            if not await self.reviews.mark_told(session, review.episode):
                raise _AlreadyToldError

        asked = Asked("emergency.review_overdue", "platform", str(uuid.uuid5(_NAMES, review.episode)), b"")
        try:
            await self.changes.apply(Write(PLATFORM, asked), review.record, change, lambda _: Empty(), also=also)
        except _AlreadyToldError:
            return
        except RuleBrokenError as broken:  # the record cannot be changed: the person is not told, the operators are
            _log.warning("emergency_review.person_not_told", reason=broken.reason)
            if not await in_transaction(self.changes.client, partial(self.reviews.mark_told, name=review.episode)):
                return
        _log.error("emergency_review.overdue", episode=review.episode)

    async def _tell_rate(self, who: str, count: int, now: datetime) -> None:
        if not await self.told.first(f"rate {now.date().isoformat()} {who}"):
            return
        _log.error("emergency.rate_passed", who=who, count=count)
        made = event("emergency.rate_passed", "", PLATFORM, now)
        made.subject, made.count = who, count
        await self.journal.append(payload(made))
