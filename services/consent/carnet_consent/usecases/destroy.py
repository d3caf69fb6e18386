"""Goes on with the destructions that have begun: receipt by receipt, and the certificate last (rules.md 16; promise 7).

1. No permit given before the beginning can be used any more: that is waited for, as for every withdrawal.
2. This service's own part: what was stated is taken out of the record, and what its holder was told of it, in one transaction.
3. The other participants are asked at once for what they keep, and asked again until their receipt is in. An answer about another record
   or destruction, or that lacks a part, is none, with an alarm.
4. Every receipt is in: the certificate.

Each is one transaction on the revision it was worked out from, with its event: several processes, or one that comes back after a kill,
make it once. A participant that hangs, is gone or refuses keeps nobody else waiting; one that cannot erase yet, because no target is
set for it, is waited for all the same: nothing is certified that was not erased. What waits for too long is an alarm, once a day.
"""

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from carnet.audit.v1.event_pb2 import Event
from carnet_platform.errors import Refusal
from carnet_platform.mongo import Session
from pymongo.errors import PyMongoError

from carnet_consent.domain.consent import Consent, RecordState
from carnet_consent.domain.destroying import DestructionTerms, certified, emptied, received, why_not_believed
from carnet_consent.domain.destruction import OWN_PART, Destruction, ErasureAnswer, Receipt
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.storage.notices import Notices
from carnet_consent.storage.told import Told
from carnet_consent.usecases.change import Changed, Changes
from carnet_consent.usecases.events import about_certificate, about_receipt, own_event

_log = structlog.get_logger(__name__)
AT_ONCE = 100
"""Records in one read."""
TOGETHER = 8
"""Destructions that go on at the same time: one whose participant hangs keeps few others waiting."""
KEPT_NOTICES = frozenset(
    {"record.destruction_confirmed", "record.destruction_cancelled", "record.purge_announced", "record.destroying", "record.destroyed"}
)
"""What its former holder was told of the destruction stays in her inbox."""
_REQUESTS = uuid.UUID("7b6f7c52-0f5d-5d0c-9a7e-4b0f3a4a2c11")


class Participant(Protocol):
    """Another service that keeps something of records."""

    async def erase(self, request_id: str, record: str, destruction: str) -> ErasureAnswer:
        """Erase it. Refusal when it refuses, or does not answer in time."""


@dataclass(frozen=True)
class Destroy:
    """The background job."""

    changes: Changes
    notices: Notices
    told: Told
    participants: Mapping[str, Participant]
    """Those that can be asked, by name."""
    terms: DestructionTerms
    every: timedelta
    late_after: timedelta

    async def run(self) -> None:
        """Look again and again, as long as the process lives."""
        while True:
            try:
                await self.once()
            except (PyMongoError, OSError, Refusal) as error:
                _log.warning("destructions.waiting", kind=type(error).__name__)
            await asyncio.sleep(self.every.total_seconds())

    async def once(self) -> None:
        """Go on with each destruction as far as it goes now."""
        last: tuple[int, str] | None = None
        while due := await self.changes.records.due(self.changes.clock.now(), last, AT_ONCE, destroying=True):
            for first in range(0, len(due), TOGETHER):
                await asyncio.gather(*(self._guarded(record) for _, record in due[first : first + TOGETHER]))
            last = due[-1]

    async def _guarded(self, record: str) -> None:
        try:
            await self._go_on(record)
        except RuleBrokenError as broken:
            _log.error("record.step_refused", record=record, reason=broken.reason)

    async def _go_on(self, record: str) -> None:
        consent, now = await self.changes.records.look(record), self.changes.clock.now()
        if not isinstance(consent, Consent) or consent.destruction is None or consent.destruction.begun is None:
            return
        going_on, begun = consent.destruction, consent.destruction.begun
        if consent.state != RecordState.DESTROYING or consent.holds or now < begun + self.changes.acknowledge_after:
            return
        if OWN_PART in going_on.awaited:
            await self._empty(record)
        asked = [participant for participant in going_on.awaited if participant != OWN_PART]
        receipts = await asyncio.gather(*(self._ask(record, going_on, begun, participant) for participant in asked))
        for receipt in receipts:
            if receipt is not None:
                await self._note(record, receipt)
        if all(receipt is not None for receipt in receipts):
            await self.changes.by_itself(record, self._certified)
        else:
            await self._tell_of_waiting(record, begun, [name for name, one in zip(asked, receipts, strict=True) if one is None])

    async def _empty(self, record: str) -> None:
        def change(consent: Consent, now: datetime) -> Changed[None]:
            if consent.holds or consent.destruction is None or OWN_PART not in consent.destruction.awaited:
                return Changed(consent, (), None)
            after = emptied(consent, now)
            return Changed(after, (_erased(after, now),), None)

        async def also(session: Session, before: Consent, _: datetime) -> None:
            await self.notices.forget(session, record, before.patient, KEPT_NOTICES)

        await self.changes.by_itself(record, change, also=also)

    async def _ask(self, record: str, going_on: Destruction, begun: datetime, name: str) -> Receipt | None:
        participant = self.participants.get(name)
        if participant is None:
            return None  # the settings name no target: it is waited for
        destruction = f"destructions/{going_on.id}"
        request_id = str(uuid.uuid5(_REQUESTS, f"{record} {destruction} {name}"))
        try:
            answer = await participant.erase(request_id, record, destruction)
        except Refusal as refusal:
            _log.warning("destruction.not_answered", record=record, participant=name, reason=refusal.reason)
            return None
        if (answer.record, answer.destruction) != (record, destruction):
            _log.error("destruction.receipt_refused", record=record, participant=name, why="it is about another record or destruction")
            return None
        if answer.receipt is not None and (why := why_not_believed(answer.receipt, begun, self.changes.clock.now())):
            _log.error("destruction.receipt_refused", record=record, participant=name, why=why)
            return None
        return answer.receipt

    async def _note(self, record: str, receipt: Receipt) -> None:
        def change(consent: Consent, now: datetime) -> Changed[None]:
            after = received(consent, receipt)
            return Changed(after, () if after is consent else (_erased(after, now),), None)

        await self.changes.by_itself(record, change)

    def _certified(self, consent: Consent, now: datetime) -> Changed[None]:
        after = certified(consent, now, self.terms)
        if after is consent:
            return Changed(consent, (), None)
        return Changed(after, (about_certificate(own_event("record.destroyed", consent.record, now), after),), None)

    async def _tell_of_waiting(self, record: str, begun: datetime, names: list[str]) -> None:
        now = self.changes.clock.now()
        if now >= begun + self.late_after and await self.told.first(f"destruction {record} {now.date().isoformat()}"):
            _log.error("destruction.waits", record=record, participants=names)


def _erased(after: Consent, now: datetime) -> Event:
    """The event of the receipt that came last."""
    made = own_event("record.erased", after.record, now)
    return about_receipt(made, after.destruction.receipts[-1]) if after.destruction is not None else made
