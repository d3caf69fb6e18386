"""Masking and unmasking a document (MASQUE_PS), by the holder (R1111-49, TD3.3).

Masking is a withdrawal: it is acknowledged once every permit that could still show the document has ended.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

from carnet_platform.calls import current_call, current_user
from carnet_platform.canonical import canonical_json
from carnet_platform.changes import ChangeLog
from carnet_platform.clock import Clock
from carnet_platform.errors import Aborted
from carnet_platform.idempotency import Requests
from carnet_platform.mongo import Client, Session, in_transaction

from carnet_documents.domain.decision import Action
from carnet_documents.domain.placement import Placement
from carnet_documents.domain.visibility import Visibility, hidden_from
from carnet_documents.storage.documents import Documents
from carnet_documents.storage.stored import Opened
from carnet_documents.usecases.decisions import Decisions, HeldPermit
from carnet_documents.usecases.events import event
from carnet_documents.usecases.releasing import Releases
from carnet_documents.usecases.shown import Shown, document_name, show


@dataclass(frozen=True, slots=True)
class MaskChange:
    """What is asked. ``content`` is the serialised request, by which a retry is recognised."""

    record: str
    document: str
    is_masked: bool
    request_id: str
    etag: str
    content: bytes


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

    async def __call__(self, change: MaskChange) -> Shown:
        """The document as it then stands. Raises ``Refusal``: NOT_FOUND, ETAG_MISMATCH, REQUEST_ID_REUSED, or consent's denial."""
        held = await self._decisions.permit(change.record, Action.MANAGE)
        key = await self._releases.key(held, change.record)
        terms, now = held.allowed.terms, self._clock.now()

        async def body(session: Session) -> Placement | None:
            user = current_user().subject
            method = current_call().method
            answered = await self._requests.first_answer(session, method, user, change.request_id, change.content)
            found = await self._documents.find(change.record, change.document, terms, now, session=session)
            if found is None:
                return None
            opened = await self._releases.open(found, key, held)
            if answered is not None:
                return replace(found.placement, is_masked=change.is_masked, version=int(answered))
            after = self._next(found.placement, change)
            if after != found.placement:
                await self._documents.change(found.placement, after, session)
                await self._changes.append(session, f"records/{change.record}", self._event(opened, change, held))
            await self._requests.remember(session, method, user, change.request_id, change.content, str(after.version).encode())
            return after

        placement = await in_transaction(self._store, body)
        if placement is None:
            await self._releases.refuse_absent(change.record, held)
        if change.is_masked:
            # Also for a retry: its first attempt may have been committed just now.
            await asyncio.sleep(self._wait.total_seconds())
        return await self._shown(placement, key, held)

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

    async def _shown(self, placement: Placement, key: bytes | None, held: HeldPermit) -> Shown:
        found = await self._documents.find(placement.record, placement.document, held.allowed.terms, self._clock.now())
        if found is None:
            await self._releases.refuse_absent(placement.record, held)
        opened = await self._releases.open(found, key, held)
        successors = await self._documents.successors([placement], held.allowed.terms, self._clock.now())
        return show(placement, opened.entry, self._clock.now(), self._documents.blinding, successors=successors)
