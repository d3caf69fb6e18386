"""Destroying a record: asked by its holder, or because it was closed for ten years (rules.md 16; CSP L1111-18; promise 7).

1. Its holder asks, logged in with two factors, and gives back a code that was sent to her by another channel. Nobody asks for her, unless
   the operator lets a minor's representative.
2. The record is closed for the cooling-off. Until its end she takes it back, and the record is as it was before; only a closing that was
   announced meanwhile is announced no longer.
3. It begins: nobody reads, and nobody can stop it. Each participant erases what it keeps and gives a receipt; what this service keeps is
   one of the parts.
4. Every receipt is in: the certificate says what is unreadable now, by which receipts, and from when on in backups.
5. Earlier states of the consent are kept for a time, to explain to the former holder who read what and why; then they are deleted. The log
   lives on for its own retention: destroying a record does not acquit who looked.

A closed record whose time is over goes the same way from 3 on, announced before; it may still be reopened until it begins. A legal hold
keeps all of it from beginning and from going on. What a participant says that it has erased is noted even then: it is true.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from carnet_consent.domain.asker import Asker, Purpose
from carnet_consent.domain.closing import Terms, closed, forbidden
from carnet_consent.domain.consent import DESTRUCTION, Closing, Consent, Evidence, RecordState
from carnet_consent.domain.destroyed import destroyed
from carnet_consent.domain.destruction import OWN_PART, Destruction, LegalHold, Origin, Receipt
from carnet_consent.domain.holder import acts_as_holder, is_holder
from carnet_consent.domain.refusal import RuleBrokenError

MOST_HOLDS = 20
"""Legal holds of one record at once."""
CLOCKS_DIFFER = timedelta(seconds=60)
"""By how much the clocks of the system may differ (trial R9)."""
OWN_ERASED = ("STATEMENTS", "SWITCHES", "NAMED_HIDES", "EPISODES", "EVIDENCE", "PREFERENCES", "NOTICES")
"""What this service's own part makes unreadable."""


@dataclass(frozen=True, slots=True)
class DestructionTerms:
    """What the law leaves to the operator."""

    cooling_off: timedelta = timedelta(days=7)
    """Between the confirmation and the beginning (rules.md 16)."""
    strong_logins: frozenset[str] = frozenset({"eidas2", "eidas3"})
    """The levels of assurance that count as two factors (eIDAS, implementing regulation 2015/1502, 2.2.1)."""
    by_representatives: bool = False
    """Whether a minor's representative asks for it (rules.md 16: never, by default)."""
    backups_kept: timedelta = timedelta(days=35)
    """How long a backup lives."""
    history_kept: timedelta = timedelta(days=2192)
    """How long earlier states of the consent are kept after the destruction: as the log is (rules.md 16: 6 years)."""
    history_kept_after_closing: timedelta = timedelta(days=3653)
    """How long they are kept at most after the closing (CSP L1111-18)."""


def check_may_ask(consent: Consent, asker: Asker, assurance: str, terms: DestructionTerms) -> None:
    """Refuse whoever may not ask for the destruction of this record, or may not now. Anybody else's record is answered as an absent one.

    Raises:
        RuleBrokenError: NOT_FOUND, ROLE_NOT_ALLOWED, LOGIN_TOO_WEAK, RECORD_DESTROYED, LEGAL_HOLD, STATE_FORBIDS.
    """
    _check_holder(consent, asker)
    if not is_holder(asker, consent) and not terms.by_representatives:
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "Only the holder herself has her record destroyed.")
    if assurance not in terms.strong_logins:
        raise RuleBrokenError("LOGIN_TOO_WEAK", "This asks for a login with two factors. Log in again.")
    if consent.holds:
        raise RuleBrokenError("LEGAL_HOLD", "A legal hold keeps the record from being destroyed; the holder can read why.")
    if consent.destruction is not None and consent.destruction.origin is Origin.HOLDER:
        raise forbidden(consent, "The destruction is confirmed already. It begins by itself, unless it is cancelled.")


def confirm(consent: Consent, asker: Asker, now: datetime, terms: DestructionTerms, closing: Terms, *, destruction_id: str) -> Consent:
    """Close the record for the cooling-off; who may ask was looked at before. One that is closed stays so, by its own closing."""
    was_open = consent.state == RecordState.ACTIVE
    wanted = Destruction(destruction_id, Origin.HOLDER, now, now + terms.cooling_off, was_open)
    if was_open:
        will = Evidence("", "", "CODE_BY_SECOND_CHANNEL", asker.subject, now)
        consent = closed(replace(consent, closing=Closing(DESTRUCTION, will, due=now)), now, closing)
    return replace(consent, destruction=wanted)


def cancel(consent: Consent, asker: Asker) -> Consent:
    """Take a confirmed destruction back: the record is as it was before. Who asked for it need not have."""
    _check_holder(consent, asker)
    wanted = consent.destruction
    if wanted is None or wanted.origin is not Origin.HOLDER:
        raise forbidden(consent, "No destruction is confirmed. A closed record that is about to be destroyed can be reopened.")
    if not wanted.was_open:
        return replace(consent, destruction=None)
    return replace(consent, state=RecordState.ACTIVE, closing=None, destruction=None)


def announce_purge(consent: Consent, now: datetime, notice: timedelta, *, destruction_id: str) -> Consent:
    """Announce that a closed record is about to be destroyed: never before its time, and never without the whole notice."""
    if consent.closing is None or consent.closing.destroy is None:
        raise ValueError("the record is not closed for a time")
    return replace(consent, destruction=Destruction(destruction_id, Origin.RETENTION, now, max(consent.closing.destroy, now + notice)))


def begin(consent: Consent, now: datetime, participants: Sequence[str]) -> Consent:
    """Begin: from here on nobody reads, and nobody takes it back."""
    if consent.destruction is None:
        raise ValueError("no destruction is due")
    begun = replace(consent.destruction, begun=now, participants=(OWN_PART, *participants))
    return replace(consent, state=RecordState.DESTROYING, destruction=begun)


def emptied(consent: Consent, now: datetime) -> Consent:
    """The record without all that was stated in it: this service's own part. What is not named here is gone, whatever is added later.

    Left are whose record it was, why and when it was closed, as a code and a date (rules.md 7), the destruction itself, and the holds.
    """
    closing = consent.closing and replace(consent.closing, evidence=Evidence("", "", "", "", consent.closing.evidence.collected))
    left = Consent(
        record=consent.record,
        patient=consent.patient,
        state=consent.state,
        revision=consent.revision,
        opened=consent.opened,
        evidence=Evidence("", "", "", "", consent.opened),
        closing=closing,
        person_revision=consent.person_revision,
        destruction=consent.destruction,
        holds=consent.holds,
    )
    return received(left, Receipt(OWN_PART, OWN_PART, now, OWN_ERASED))


def received(consent: Consent, receipt: Receipt) -> Consent:
    """The record with a receipt that was awaited; the very same when it was not, because it is in already."""
    going_on = consent.destruction
    if consent.state != RecordState.DESTROYING or going_on is None or receipt.participant not in going_on.awaited:
        return consent
    return replace(consent, destruction=replace(going_on, receipts=(*going_on.receipts, receipt)))


def why_not_believed(receipt: Receipt, begun: datetime, now: datetime) -> str:
    """Why a receipt is none: it lacks a part, or was made before the destruction began or after now. Empty when it is one."""
    if not receipt.name or not receipt.what:
        return "a part is missing"
    if not begun - CLOCKS_DIFFER <= receipt.erased <= now + CLOCKS_DIFFER:
        return "it is of another time"
    return ""


def certified(consent: Consent, now: datetime, terms: DestructionTerms) -> Consent:
    """The record with its certificate; the very same while a receipt is awaited, or under a hold."""
    going_on = consent.destruction
    if consent.state != RecordState.DESTROYING or going_on is None or going_on.awaited or consent.holds:
        return consent
    done = replace(going_on, destroyed=now, backups_end=now + terms.backups_kept, history_end=_history_end(consent, now, terms))
    return replace(consent, state=RecordState.DESTROYED, destruction=done)


def history_ended(consent: Consent) -> Consent:
    """The destroyed record once the earlier states of its consent are deleted."""
    if consent.destruction is None:
        raise ValueError("the record is not destroyed")
    return replace(consent, destruction=replace(consent.destruction, history_end=None))


def hold(consent: Consent, wanted: LegalHold) -> Consent:
    """Set a legal hold: on any record that is there and not destroyed yet."""
    if consent.is_unopened:
        raise RuleBrokenError("NOT_FOUND", "There is no such record.", field="target")
    if consent.state == RecordState.DESTROYED:
        raise RuleBrokenError("RECORD_DESTROYED", "The record is destroyed.", field="target")
    if len(consent.holds) >= MOST_HOLDS:
        raise forbidden(consent, f"A record has at most {MOST_HOLDS} legal holds.")
    return replace(consent, holds=(*consent.holds, wanted))


def lift(consent: Consent, hold_id: str) -> Consent:
    """Lift a legal hold; the others stay. The very same where it is lifted already."""
    left = tuple(one for one in consent.holds if one.id != hold_id)
    return replace(consent, holds=left) if left != consent.holds else consent


def _check_holder(consent: Consent, asker: Asker) -> None:
    if consent.is_unopened or not acts_as_holder(asker, consent):
        raise RuleBrokenError("NOT_FOUND", "There is no such record.")
    if asker.purpose != Purpose.PATIENT_REQUEST:
        raise RuleBrokenError("PURPOSE_NOT_ALLOWED", "A person acts at her own request.")
    if consent.is_destroyed:
        raise destroyed(consent)


def _history_end(consent: Consent, now: datetime, terms: DestructionTerms) -> datetime:
    after_closing = None if consent.closing is None or consent.closing.closed is None else consent.closing.closed
    end = now + terms.history_kept
    return end if after_closing is None else max(now, min(end, after_closing + terms.history_kept_after_closing))
