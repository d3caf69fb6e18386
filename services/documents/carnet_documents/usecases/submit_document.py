"""Depositing a document (TD2.1): decided first, received whole, examined, matched with the patient, kept all or nothing.

The header of a CDA is authoritative: a contradiction is refused, another patient is refused, the class follows from the type. What is
dirty and harmless is kept with a warning (rules.md 20). Every refusal after the decision is written down. The right to deposit is not
the right to read: of an earlier, identical deposit the answer tells that it was made, under which name, and when.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from carnet_platform.calls import current_user
from carnet_platform.clock import Clock
from carnet_platform.envelope import new_key
from carnet_platform.errors import Refusal, ResourceExhausted, Unavailable
from carnet_platform.identifiers import new_id

from carnet_documents.cda.examine import Examiner
from carnet_documents.domain.classes import TypeClasses
from carnet_documents.domain.decision import Action
from carnet_documents.domain.description import Receipt, check_claim, describe, reconcile
from carnet_documents.domain.entry import Claim, Code, DepositWarning
from carnet_documents.domain.formats import AcceptedFormats
from carnet_documents.domain.header import Header
from carnet_documents.domain.placement import Placement, Status
from carnet_documents.domain.remarks import REPLACED_ABSENT, header_warnings, trait_warnings
from carnet_documents.domain.rules import RuleBroken
from carnet_documents.domain.visibility import Visibility, check_labels, one_month_after
from carnet_documents.storage.documents import Documents
from carnet_documents.storage.record_keys import RecordKeys
from carnet_documents.storage.stored import NewDocument
from carnet_documents.usecases.decisions import Decisions, HeldPermit
from carnet_documents.usecases.keeping import Keeping, Kept
from carnet_documents.usecases.ports import Identity
from carnet_documents.usecases.receiving import Receiving
from carnet_documents.usecases.refusals import told_rule
from carnet_documents.usecases.refused_accesses import DEPOSIT_REFUSED, RefusedAccesses
from carnet_documents.usecases.replacing import Replacing
from carnet_documents.usecases.shown import Shown, document_name, show


@dataclass(frozen=True, slots=True)
class Deposit:
    """What opens a deposit. ``size`` is announced, in bytes."""

    record: str
    claim: Claim
    labels: tuple[Visibility, ...]
    size: int


@dataclass(frozen=True, slots=True)
class DepositReceipt:
    """The answer: the document as it is kept, and what is dirty in it."""

    shown: Shown
    warnings: tuple[DepositWarning, ...]
    is_earlier: bool


@dataclass(frozen=True, slots=True)
class Tables:
    """The data a deposit is measured by."""

    classes: TypeClasses
    formats: AcceptedFormats
    may_cumulate: bool


class SubmitDocument:
    """Takes a document in."""

    def __init__(
        self,
        decisions: Decisions,
        identity: Identity,
        documents: Documents,
        keys: RecordKeys,
        keeping: Keeping,
        receiving: Receiving,
        refused: RefusedAccesses,
        clock: Clock,
        *,
        tables: Tables,
    ) -> None:
        self._decisions = decisions
        self._identity = identity
        self._documents = documents
        self._keys = keys
        self._keeping = keeping
        self._receiving = receiving
        self._refused = refused
        self._clock = clock
        self._tables = tables
        self._examine = Examiner(tables.formats)
        self._replacing = Replacing(documents)

    async def __call__(self, deposit: Deposit, parts: AsyncIterator[bytes]) -> DepositReceipt:
        """Keep one document. Raises ``Refusal``; then nothing is kept."""
        held = await self._decisions.permit(deposit.record, Action.DEPOSIT)
        try:
            with self._receiving.room(deposit.size):
                return await self._deposit(deposit, parts, held)
        except RuleBroken as broken:
            refusal = told_rule(broken)
        except (Unavailable, ResourceExhausted):
            raise
        except Refusal as refused:
            refusal = refused
        await self._refused.record(deposit.record, refusal, rule=held.allowed.rule, kind=DEPOSIT_REFUSED)
        raise refusal

    async def _deposit(self, deposit: Deposit, parts: AsyncIterator[bytes], held: HeldPermit) -> DepositReceipt:
        check_claim(deposit.claim)
        self._tables.formats.check_known(deposit.claim.mime_type)
        content = await self._receiving.receive(parts, deposit.size)
        header = await self._examine(content, deposit.claim.mime_type)
        claim = deposit.claim if header is None else reconcile(deposit.claim, header)
        document_class = self._class(claim, held)
        warnings, record_key, parent = await asyncio.gather(
            self._patient(header, held),
            self._key(deposit.record, held),
            self._replacing.find(deposit.record, deposit.claim, header),
        )
        if claim.replaces and parent is None:
            warnings = (*warnings, REPLACED_ABSENT)
        new = self._new(deposit, claim, document_class, content, warnings)
        if parent is not None:
            earlier = await self._keeping.earlier(new, record_key, held)
            parent = None if earlier else parent

        async def permitted() -> HeldPermit:
            # The permit may have ended while a slow sender sent: what is kept is kept under one that has not.
            held = await self._decisions.permit(deposit.record, Action.DEPOSIT)
            self._check_depositable(document_class, claim, held)
            return held

        kept = await self._keeping(new, record_key, parent, await permitted(), permitted)
        if kept.is_earlier:
            return await self._repeated(deposit, new, kept, await permitted())
        return DepositReceipt(show(kept.placement, kept.entry, self._clock.now(), self._documents.blinding), warnings, is_earlier=False)

    async def _repeated(self, deposit: Deposit, new: NewDocument, kept: Kept, held: HeldPermit) -> DepositReceipt:
        """What this depositor himself brings and claims; of what is kept, no more than its name and when it was deposited."""
        await self._keeping.announce_repeated(kept, self._clock.now(), held)
        first = kept.entry.deposit_time
        made = first if new.entry.creation_time == new.entry.deposit_time else new.entry.creation_time
        entry = replace(new.entry, creation_time=made, deposit_time=first, depositor="")
        name = document_name(kept.placement.record, kept.placement.document)
        shown = Shown(name, entry, status=None, labels=frozenset(deposit.labels), replaced_by="", etag="")
        return DepositReceipt(shown, new.entry.warnings, is_earlier=True)

    def _class(self, claim: Claim, held: HeldPermit) -> Code:
        if claim.type is None:
            raise RuleBroken("INVALID_FIELD", "is required", "header.entry.type")
        document_class = self._tables.classes.class_of(claim.type.code)
        self._check_depositable(document_class, claim, held)
        self._tables.formats.check_class(claim.mime_type, document_class.code)
        return document_class

    def _check_depositable(self, document_class: Code, claim: Claim, held: HeldPermit) -> None:
        type_code = claim.type.code if claim.type else ""
        if not held.allowed.terms.is_type_allowed(document_class.code, type_code):
            raise RuleBroken("CLASS_NOT_DEPOSITABLE", "this user may not deposit documents of this class or type", "header.entry.type")

    async def _patient(self, header: Header | None, held: HeldPermit) -> tuple[DepositWarning, ...]:
        """Warnings about a header that speaks of the holder.

        Raises ``RuleBroken`` IDENTITY_NOT_QUALIFIED, since a status that was good when the record was opened may have been lowered
        (RNIV: only a qualified identity is fed), and DOCUMENT_OF_ANOTHER_PATIENT.
        """
        holder = held.allowed.patient
        if header is None:
            _check_qualified(is_qualified=await self._identity.is_qualified(holder))
            return ()
        matched = await self._identity.match(holder, header.patient)
        _check_qualified(is_qualified=matched.is_qualified)
        if not matched.is_same:
            former = "the header bears an INS that the patient bore before; nothing new is deposited under it"
            another = "the header names another patient than the record's"
            raise RuleBroken("DOCUMENT_OF_ANOTHER_PATIENT", former if matched.is_under_former_ins else another)
        return header_warnings(header) + trait_warnings(matched.differing)

    async def _key(self, record: str, held: HeldPermit) -> bytes:
        if held.record_key is None:
            held.record_key = await self._keys.find(record)
        if held.record_key is None:
            # Before the key: afterwards a row that is missing was taken away.
            await self._documents.versions.begin(record)
            held.record_key = await self._keys.find_or_make(record)
        return held.record_key

    def _new(
        self, deposit: Deposit, claim: Claim, document_class: Code, content: bytes, warnings: tuple[DepositWarning, ...]
    ) -> NewDocument:
        user, blinding, record = current_user(), self._documents.blinding, deposit.record
        # MongoDB keeps milliseconds, and the seal is over what it keeps.
        now = self._clock.now()
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        digest = hashlib.sha256(content)
        content_mac = blinding.content(record, digest.digest())
        receipt = Receipt(len(content), digest.hexdigest(), now, user.subject, f"2.25.{int.from_bytes(content_mac[:16], 'big')}")
        entry = describe(claim, document_class, receipt, warnings)
        entry = replace(entry, creation_time=entry.creation_time.replace(microsecond=entry.creation_time.microsecond // 1000 * 1000))
        structure = user.organisation or user.subject
        labels = check_labels(deposit.labels, is_of_patient=user.subject.startswith("patients/"), may_cumulate=self._tables.may_cumulate)
        placement = Placement(
            record=record,
            document=new_id(),
            class_code=document_class.code,
            type_code=entry.type.code,
            status=Status.APPROVED,
            is_masked=Visibility.MASKED_FROM_PROFESSIONALS in labels,
            visible_to_patient_from=one_month_after(now) if Visibility.HIDDEN_FROM_PATIENT in labels else None,
            is_hidden_from_representatives=Visibility.HIDDEN_FROM_REPRESENTATIVES in labels,
            depositor=blinding.actor(record, user.subject),
            structure=blinding.actor(record, structure),
            first_deposit_time=now,
            replaced_by="",
            version=1,
        )
        unique, deposited = blinding.unique_id(record, entry.unique_id), blinding.deposit(record, structure, entry.unique_id)
        return NewDocument(placement, entry, new_key(), unique, deposited, content_mac, content)


def _check_qualified(*, is_qualified: bool) -> None:
    if not is_qualified:
        raise RuleBroken("IDENTITY_NOT_QUALIFIED", "the holder's identity is not qualified any more: INSi and an identity paper")
