"""Masking and unmasking a document (MASQUE_PS), by the holder (R1111-49, TD3.3).

Masking is a withdrawal: it is acknowledged once every permit that could still show the document has ended. Its answer carries the entry,
so it is a release as well: under a permit asked for after the wait, and with its own event.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

from carnet_platform.canonical import canonical_json
from carnet_platform.changes import ChangeLog
from carnet_platform.clock import Clock
from carnet_platform.errors import Aborted
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.mongo import Client, Session, in_transaction

from carnet_documents.domain.decision import Action
from carnet_documents.domain.placement import Placement
from carnet_documents.domain.visibility import Visibility, hidden_from
from carnet_documents.storage.documents import Documents, rolled_back
from carnet_documents.storage.stored import Broken, Found, Opened
from carnet_documents.usecases.decisions import Decisions, HeldPermit
from carnet_documents.usecases.events import event
from carnet_documents.usecases.releasing import Releases
from carnet_documents.usecases.showing import Showing
from carnet_documents.usecases.shown import Shown, document_name


@dataclass(frozen=True, slots=True)
class MaskChange:
    """What is asked, and the request by which a retry is recognised."""

    record: str
    document: str
    is_masked: bool
    etag: str
    asked: Asked


class ChangeMask:
    """Masks and unmasks."""

    def __init__(
        self,
        decisions: Decisions,
        documents: Documents,
        releases: Releases,
        store: Client,
        changes: ChangeLog,
        requests: Requests,
        clock: Clock,
        *,
        wait: timedelta,
    ) -> None:
        self._decisions = decisions
        self._documents = documents
        self._releases = releases
        self._store = store
        self._changes = changes
        self._requests = requests
        self._clock = clock
        self._wait = wait
        self._showing = Showing(documents, releases, clock)

    async def __call__(self, change: MaskChange) -> Shown:
        """The document as it then stands. Raises ``Refusal``: NOT_FOUND, ETAG_MISMATCH, REQUEST_ID_REUSED, or consent's denial."""
        held = await self._decisions.permit(change.record, Action.MANAGE)
        key = await self._releases.key(held, change.record)
        outcome = await in_transaction(self._store, lambda session: self._changed(session, change, key, held))
        if isinstance(outcome, Broken):
            await self._releases.distrust(outcome, held)
        if not isinstance(outcome, Placement):
            await self._releases.refuse_absent(change.record, held)
        if change.is_masked:
            # Also for a retry: its first attempt may have been committed just now.
            await asyncio.sleep(self._wait.total_seconds())
        return await self._shown(outcome)

    async def _changed(self, session: Session, change: MaskChange, key: bytes | None, held: HeldPermit) -> Placement | Broken | None:
        answered = await self._requests.first_answer(session, change.asked)
        found = await self._documents.find(change.record, change.document, held.allowed.terms, self._clock.now(), session=session)
        if not isinstance(found, Found):
            return found
        if not (await self._documents.versions.read(change.record, session)).is_current(found.placement):
            return rolled_back(found)
        opened = await self._releases.open(found, key, held)
        if answered is not None:
            return replace(found.placement, is_masked=change.is_masked, version=int(answered))
        after = self._next(found.placement, change)
        if after != found.placement:
            await self._documents.change(found.placement, after, session)
            await self._changes.append(session, f"records/{change.record}", self._event(opened, change, held))
        await self._requests.remember(session, change.asked, str(after.version).encode())
        return after

    def _next(self, placement: Placement, change: MaskChange) -> Placement:
        if change.etag and change.etag != self._documents.blinding.etag(placement):
            raise Aborted("ETAG_MISMATCH", "is not that of the present version", field="etag")
        return placement if placement.is_masked == change.is_masked else placement.masked(is_masked=change.is_masked)

    def _event(self, opened: Opened, change: MaskChange, held: HeldPermit) -> bytes:
        kind = "document.masked" if change.is_masked else "document.unmasked"
        told = event(
            kind,
            self._clock.now(),
            change.record,
            hidden_from=hidden_from(opened.placement.labels(self._clock.now())),
            document=document_name(change.record, change.document),
            document_title=opened.entry.title,
            document_type=opened.entry.type.code,
            decision="permit",
            rule=held.allowed.rule,
            change=Visibility.MASKED_FROM_PROFESSIONALS.value,
        )
        return canonical_json(told)

    async def _shown(self, placement: Placement) -> Shown:
        """The first answer, released as any other: the permit of the change has ended while it was waited."""
        held = await self._decisions.permit(placement.record, Action.MANAGE)
        found = await self._showing.find(placement.record, placement.document, held)
        if found is None:
            await self._releases.refuse_absent(placement.record, held)
        opened = await self._releases.open(found, await self._releases.key(held, placement.record), held)
        opened.placement = placement
        (shown,) = await self._showing.shown([opened], held)
        await self._showing.announce("document.entry_read", opened, held, Action.MANAGE)
        return shown
