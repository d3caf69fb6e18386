"""What time does to mandates: ends those whose date or whose holder's majority has come, lets invitations expire, writes both notices.

Each step is one transaction on the revision it was worked out from, with its event: two replicas, or a process that comes back, make it
once. An end by time is a withdrawal like any other, told to consent by whoever tells the rest. Between the instant and the look nothing
is read: consent counts the end itself, and no session is opened past it.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog
from carnet_platform.envelope import EnvelopeError
from carnet_platform.errors import Refusal
from carnet_platform.mongo import Client, in_transaction
from carnet_platform.mongo import Session as StoreSession
from pymongo.errors import PyMongoError

from carnet_identity.domain.mandate import Mandate
from carnet_identity.domain.mandate_rules import TimePassed, step_of_time
from carnet_identity.usecases.mandate_book import MandateBook
from carnet_identity.usecases.mandate_events import MANDATE_ENDED, MANDATE_ENDS_SOON, MANDATE_EXPIRED
from carnet_identity.usecases.withdraw import Withdraw

_KINDS = {TimePassed.EXPIRED: MANDATE_EXPIRED, TimePassed.ENDS_SOON: MANDATE_ENDS_SOON, TimePassed.ENDED: MANDATE_ENDED}
_log = structlog.get_logger(__name__)


class EndDueMandates:
    """The background job."""

    def __init__(self, client: Client, book: MandateBook, withdraw: Withdraw, every: timedelta) -> None:
        self._client = client
        self._book = book
        self._withdraw = withdraw
        self._every = every

    async def run(self) -> None:
        """Looks again and again, as long as the process lives."""
        while True:
            try:
                await self.once()
            except (PyMongoError, Refusal) as error:
                _log.warning("mandates.waiting", kind=type(error).__name__)
            await asyncio.sleep(self._every.total_seconds())

    async def once(self) -> int:
        """Makes every step that is due; gives how many."""
        made = 0
        # First all that may be due, then one by one: no cursor is left open over transactions.
        for mandate in [one async for one in self._book.mandates.due(self._book.now())]:
            if step_of_time(mandate, self._book.times.notice_days, self._book.now()) is not None:
                try:
                    made += await self._step(mandate)
                except EnvelopeError:
                    continue  # its alarm was raised; the others must not wait for it
        return made

    async def _step(self, seen: Mandate) -> bool:
        async def body(store: StoreSession) -> bool:
            mandate = await self._book.mandates.find(seen.id, store)
            step = None if mandate is None else step_of_time(mandate, self._book.times.notice_days, self._book.now())
            if step is None:
                return False
            of_holder = await self._book.mandates.readable_of_holder(step.mandate.holder, store)
            await self._book.keep(store, step.mandate, _KINDS[step.passed], None, of_holder, change=step.cause)
            if step.passed is TimePassed.ENDED:
                await self._withdraw.begin(store, [step.mandate.name])
            return True

        return await in_transaction(self._client, body)
