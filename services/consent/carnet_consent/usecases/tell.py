"""Stores who is told of a change, in the transaction of the change: what happened is told, and what did not happen is not.

The queue must stop no change, least of all an emergency (rules.md 9). When the store takes everything but the notices, the change is made
without them, with an alarm; its event is in the history all the same.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog
from carnet.audit.v1.event_pb2 import Event
from carnet_platform.clock import Clock
from carnet_platform.mongo import Session, conflict
from pymongo.errors import OperationFailure

from carnet_consent.domain.consent import Consent
from carnet_consent.domain.notice import Fact, notices_of
from carnet_consent.storage.notices import Notices

_log = structlog.get_logger(__name__)
_TRANSIENT = "TransientTransactionError"
_LEFT_ALONE_FOR = timedelta(seconds=10)
"""How long changes are made without notices after the store has refused some."""


class Tell:
    """Follows the changes of records (`Follower`) and queues their notices."""

    def __init__(self, notices: Notices, clock: Clock, woken: asyncio.Event) -> None:
        self._notices, self._clock, self._woken = notices, clock, woken
        self._refused_until = float("-inf")

    async def follow(self, session: Session, before: Consent, after: Consent, events: Sequence[Event]) -> None:
        """Store the notices of these events, the last of which made the revision of `after`."""
        first = after.revision - len(events) + 1
        found = [notice for number, told in enumerate(events, first) for notice in notices_of(fact_of(told, number), before, after)]
        if not found:
            return
        if self._clock.boottime() < self._refused_until:
            _log.error("notice.not_queued", record=after.record)
            return
        try:
            await self._notices.add(session, found, self._clock.now())
        except OperationFailure as error:
            if error.has_error_label(_TRANSIENT):
                raise
            # A refused write ends the transaction: it runs again, and then without notices.
            self._refused_until = self._clock.boottime() + _LEFT_ALONE_FOR.total_seconds()
            raise conflict("the notices of this change are refused") from None
        self._woken.set()


def fact_of(told: Event, number: int) -> Fact:
    """What an event says, as far as notices go by it."""
    return Fact(
        event=told.kind,
        number=number,
        time=datetime.fromisoformat(told.time).astimezone(UTC),
        actor=told.actor.subject,
        structure=told.actor.structure,
        concerned=told.grantee,
        episode=told.emergency_episode,
        end=told.end_time,
        words=told.motive,
    )
