"""How every change of a mandate is kept, in one transaction: its next revision, its event with whom it concerns, when time is next due."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from carnet_platform.calls import Call
from carnet_platform.clock import Clock
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.mandate import Mandate
from carnet_identity.domain.mandate_rules import MandateTimes, next_due
from carnet_identity.usecases.mandate_events import mandate_event
from carnet_identity.usecases.ports import ChangeRecord


class Mandates(Protocol):
    """Mandates; a change is made of the revision it was read at, or not at all."""

    async def find(self, mandate_id: str, session: StoreSession | None = None) -> Mandate | None:
        """By opaque id."""
        ...

    def fresh(self) -> AbstractAsyncContextManager[StoreSession]:
        """A session whose reads are never older than the call; one read at a time."""
        ...

    async def insert(self, session: StoreSession, mandate: Mandate, due: datetime | None) -> None:
        """In the caller's transaction."""
        ...

    async def replace(self, session: StoreSession, mandate: Mandate, due: datetime | None) -> Mandate:
        """The next revision, in the caller's transaction, which runs again when the mandate is changed meanwhile."""
        ...

    async def of_holder(self, holder: str, session: StoreSession | None = None) -> list[Mandate]:
        """Every one for a person."""
        ...

    async def readable_of_holder(self, holder: str, session: StoreSession | None = None) -> list[Mandate]:
        """Those of them that can be read: for what must be ended though another cannot."""
        ...

    async def of_mandatary(self, mandatary: str, session: StoreSession | None = None) -> list[Mandate]:
        """Those of a person for others that can be read."""
        ...

    def due(self, now: datetime) -> AsyncIterator[Mandate]:
        """Those that time may have changed."""
        ...


class Telling(Protocol):
    """Who tells persons by letter."""

    async def tell_of_mandate(self, session: StoreSession, persons: Iterable[str], now: datetime) -> None:
        """That there is something to know of a mandate, in the caller's transaction."""
        ...


@dataclass(frozen=True, slots=True)
class MandateBook:
    """Keeps mandates with their events."""

    mandates: Mandates
    changes: ChangeRecord
    clock: Clock
    times: MandateTimes
    telling: Telling

    def now(self) -> datetime:
        """In milliseconds, as answers are kept."""
        now = self.clock.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    async def keep_new(self, store: StoreSession, mandate: Mandate, kind: str, call: Call, of_holder: Iterable[Mandate]) -> None:
        """A first revision."""
        await self.mandates.insert(store, mandate, next_due(mandate, self.times.notice_days))
        await self._record(store, mandate, kind, call, of_holder, motive=mandate.evidence)

    async def keep(
        self,
        store: StoreSession,
        changed: Mandate,
        kind: str,
        call: Call | None,
        of_holder: Iterable[Mandate],
        *,
        change: str = "",
        motive: str = "",
    ) -> Mandate:
        """The next revision of a mandate that was read in this transaction; `call` is None for what time does."""
        kept = await self.mandates.replace(store, changed, next_due(changed, self.times.notice_days))
        await self._record(store, kept, kind, call, of_holder, change=change, motive=motive)
        return kept

    async def _record(
        self,
        store: StoreSession,
        kept: Mandate,
        kind: str,
        call: Call | None,
        of_holder: Iterable[Mandate],
        *,
        change: str = "",
        motive: str = "",
    ) -> None:
        now = self.now()
        who = "" if call is None or call.user is None else call.user.subject
        representatives = {one.mandatary for one in of_holder if one.represents(kept.holder, now)}
        tell = {kept.holder, kept.mandatary, *representatives} - {"", who}
        payload = mandate_event(kind, kept, call, now, tell=tell, change=change, motive=motive)
        await self.changes.append(store, kept.name, payload, revision=kept.revision)
        await self.telling.tell_of_mandate(store, tell, now)
