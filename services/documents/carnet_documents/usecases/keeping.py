"""Keeping a deposit: document, links, event, and that consent is to be told of it, in one transaction, or nothing.

Chunks of large content are written before and stay invisible until the document exists. The same bytes under the same uniqueId from
the same structure are recognised by the unique index, not by asking first.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from carnet.audit.v1 import event_pb2
from carnet_platform.calls import current_user
from carnet_platform.canonical import canonical_json
from carnet_platform.changes import ChangeLog
from carnet_platform.errors import AlreadyExists, Unavailable
from carnet_platform.mongo import Client, Session, in_transaction
from pymongo.errors import DuplicateKeyError

from carnet_documents.domain.addition import Addition
from carnet_documents.domain.decision import Action
from carnet_documents.domain.entry import Entry
from carnet_documents.domain.placement import Placement, Status
from carnet_documents.domain.rules import RuleBroken
from carnet_documents.domain.visibility import Visibility, check_labels, hidden_from
from carnet_documents.storage.additions import Additions
from carnet_documents.storage.chunks import Chunks, UploadAbandonedError
from carnet_documents.storage.documents import Documents
from carnet_documents.storage.stored import Found, NewDocument, chunks_of, to_stored
from carnet_documents.usecases.decisions import HeldPermit
from carnet_documents.usecases.events import event
from carnet_documents.usecases.releasing import Releases, told_of
from carnet_documents.usecases.shown import document_name

Permitted = Callable[[], Awaitable[HeldPermit]]
"""A permit that has not ended, for this very deposit. Raises the refusal when there is none any more."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept: now, or by an earlier, identical deposit; of that one the depositor may not be told what has become."""

    placement: Placement
    entry: Entry
    is_earlier: bool


@dataclass(frozen=True, slots=True)
class Telling:
    """Where it is noted that consent is to be told of a deposit, and how long others are waited for, to be told with it."""

    additions: Additions
    gathered_for: timedelta


class Keeping:
    """Keeps deposits."""

    def __init__(
        self,
        store: Client,
        documents: Documents,
        chunks: Chunks,
        changes: ChangeLog,
        releases: Releases,
        telling: Telling,
        *,
        may_cumulate: bool,
    ) -> None:
        self._store = store
        self._documents = documents
        self._chunks = chunks
        self._changes = changes
        self._releases = releases
        self._telling = telling
        self._may_cumulate = may_cumulate

    async def __call__(self, new: NewDocument, record_key: bytes, parent: Found | None, held: HeldPermit, permitted: Permitted) -> Kept:
        """Keep ``new``, replacing ``parent``. Raises ``AlreadyExists`` UNIQUE_ID_REUSED for other bytes than before.

        ``permitted`` is asked in the transaction itself, each time that runs: what was taken back while chunks were written, or another
        attempt failed, is known there.
        """
        if parent is not None:
            # What it was found by lies in clear beside what is sealed.
            await self._releases.open(parent, record_key, held)
        if chunks_of(len(new.content)):
            await self._chunks.write(new, chunks_of(len(new.content)), new.entry.deposit_time)
        try:
            placement = await in_transaction(self._store, lambda session: self._keep(session, new, record_key, parent, permitted))
        except UploadAbandonedError:
            raise Unavailable("DEPENDENCY_UNAVAILABLE", "the deposit took too long; nothing was kept") from None
        except DuplicateKeyError:
            return await self._earlier(new, record_key, held)
        return Kept(placement, new.entry, is_earlier=False)

    async def earlier(self, new: NewDocument, record_key: bytes, held: HeldPermit) -> Kept | None:
        """What an identical deposit left; ``None`` when there was none. Raises ``AlreadyExists`` UNIQUE_ID_REUSED."""
        found = await self._documents.of_deposit(new.placement.record, new.deposit)
        if found is None:
            return None
        entry = (await self._releases.open(found, record_key, held)).entry
        if (entry.unique_id, entry.sha256) != (new.entry.unique_id, new.entry.sha256):
            raise AlreadyExists("UNIQUE_ID_REUSED", "other bytes were deposited under this identifier", field="header.entry.unique_id")
        return Kept(found.placement, entry, is_earlier=True)

    async def announce_repeated(self, kept: Kept, now: datetime, held: HeldPermit) -> None:
        """Write down that the depositor is told of an earlier deposit, and have it sent under his permit to deposit."""

        async def still_holds(_: HeldPermit) -> bool:
            return True

        told = told_of(kept.placement, kept.entry, now)
        await self._releases.announce("document.deposit_repeated", told, held)
        self._releases.release(told, held, still_holds, Action.DEPOSIT)

    async def _earlier(self, new: NewDocument, record_key: bytes, held: HeldPermit) -> Kept:
        kept = await self.earlier(new, record_key, held)
        if kept is None:
            raise Unavailable("DEPENDENCY_UNAVAILABLE", "the earlier deposit is not readable yet")
        return kept

    async def _keep(self, session: Session, new: NewDocument, record_key: bytes, parent: Found | None, permitted: Permitted) -> Placement:
        held, placement = await permitted(), new.placement
        before = None
        if parent is not None:
            before = await self._documents.current(parent.placement, session)
            placement = self._inheriting(placement, before, new.entry.deposit_time)
        if held.allowed.masks_deposit:
            # After what is inherited: whether it is hidden from the holder decides from when it is masked.
            placement = placement.masked_by_default(new.entry.deposit_time)
        stored = to_stored(replace(new, placement=placement), record_key, self._documents.blinding)
        if chunks_of(len(new.content)):
            await self._chunks.own(placement.document, session)
        await self._documents.insert(stored, session)
        await self._record(session, "document.deposited", placement, new, held)
        await self._telling.additions.add(session, _addition(placement, new), new.entry.deposit_time + self._telling.gathered_for)
        if before is not None:
            await self._documents.change(before, before.replaced(placement.document), session)
            await self._record(session, "document.replaced", before, new, held)
        return placement

    def _inheriting(self, placement: Placement, parent: Placement, now: datetime) -> Placement:
        """A replacement is hidden from whom its parent is, for as long (rules.md 12 and 14). Raises ``RuleBroken``."""
        if parent.status is not Status.APPROVED:
            raise RuleBroken("STATE_FORBIDS", "the document to replace was replaced already", "header.entry.replaces")
        inherited = replace(
            placement,
            is_masked=placement.is_masked or parent.is_masked,
            masked_from=None if placement.is_masked else parent.masked_from,
            visible_to_patient_from=parent.visible_to_patient_from,
            is_hidden_from_representatives=placement.is_hidden_from_representatives or parent.is_hidden_from_representatives,
            first_deposit_time=parent.first_deposit_time,
        )
        if Visibility.HIDDEN_FROM_PATIENT in placement.labels(now) - parent.labels(now):
            raise RuleBroken("VISIBILITY_INVALID", "what the patient could see is not hidden again", "header.entry.visibilities")
        if inherited.labels(now) != parent.labels(now):
            check_labels(inherited.labels(now), is_of_patient=False, may_cumulate=self._may_cumulate)
        return inherited

    async def _record(self, session: Session, kind: str, placement: Placement, new: NewDocument, held: HeldPermit) -> None:
        told: event_pb2.Event = event(
            kind,
            new.entry.deposit_time,
            placement.record,
            hidden_from=hidden_from(placement.labels(new.entry.deposit_time)),
            document=document_name(placement.record, placement.document),
            document_title=new.entry.title,
            document_type=new.entry.type.code,
            decision="permit",
            rule=held.allowed.rule,
        )
        await self._changes.append(session, f"records/{placement.record}", canonical_json(told))


def _addition(placement: Placement, new: NewDocument) -> Addition:
    """What consent is told: the labels as they are kept, those inherited from a parent among them (rules.md 12 and 14)."""
    time, depositor = new.entry.deposit_time, new.entry.depositor
    structure = current_user().organisation or (depositor if depositor.startswith("structures/") else "")
    labels = tuple(sorted(label.value for label in placement.labels(time)))
    return Addition(placement.record, placement.document, placement.class_code, placement.type_code, labels, depositor, structure, time)
