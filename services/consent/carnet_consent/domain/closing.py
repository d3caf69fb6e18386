"""Closing a record, opposing that, and reopening it (domain.md 2; rules.md 15; CSP L1111-14, L1111-18, R1111-40).

The holder closes at once. A representative, or a professional who has her consent, closes for her: the closing is announced and takes
effect after the grace, unless she opposes it. A closed record is neither read nor fed; its holder keeps history and export (holder.py). It
is reopened with her renewed consent, and then all that she had stated stands as it stood, but for what has come to its end meanwhile. Ten
years after its closing it is destroyed (`destroying.py`), and is reopened no more.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from carnet_consent.domain.asker import Asker, Purpose
from carnet_consent.domain.closing_motives import Actor, Motives
from carnet_consent.domain.consent import DEATH, Closing, Consent, RecordState
from carnet_consent.domain.destroyed import destroyed
from carnet_consent.domain.destruction import Origin
from carnet_consent.domain.holder import acts_as_holder, is_holder
from carnet_consent.domain.mandate import MandateKind
from carnet_consent.domain.opening import evidence_of
from carnet_consent.domain.precedence import first_that_speaks
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.stating import check_not_blocked, check_treating

WORDS_LENGTH = 500
"""At most as many characters have the words said with the motive: they stand in the event, where the person reads them."""
REPRESENTATIONS = frozenset({MandateKind.MINOR_REPRESENTATION, MandateKind.ADULT_REPRESENTATION})
"""The mandates under which a person opposes or closes for another (CSP L1111-14, R1111-40)."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the law leaves to the operator, or fixes."""

    grace: timedelta = timedelta(days=14)
    """Between announcing a closing for the holder and its effect (rules.md 15)."""
    retention_years: int = 10
    """How long a closed record is kept (CSP L1111-18)."""
    purge_notice: timedelta = timedelta(days=30)
    """How long before its destruction that is announced (OWN: no text says how long)."""


@dataclass(frozen=True, slots=True)
class ClosingWish:
    """What somebody asks who closes a record."""

    motive: str
    words: str
    form: str
    form_version: str
    method: str


@dataclass(frozen=True, slots=True)
class Renewal:
    """How the person's renewed consent was collected (DEVBOX EX_1.2-1030: a ticked box)."""

    is_confirmed: bool
    form: str
    form_version: str
    method: str


def close(consent: Consent, asker: Asker, wish: ClosingWish, motives: Motives, now: datetime, terms: Terms) -> Consent:
    """Close at once for the holder; announce it for everybody else who may.

    Raises:
        RuleBrokenError: the asker may not close it, an incomplete wish, or a record that is closed already or about to be.
    """
    actor = _who_closes(consent, asker, now)
    _check_wish(wish, motives, actor)
    if consent.state != RecordState.ACTIVE:
        raise closed_already(consent)
    evidence = evidence_of(asker, wish.form, wish.form_version, wish.method, now)
    if actor == Actor.HOLDER:
        return closed(replace(consent, closing=Closing(wish.motive, evidence, due=now)), now, terms)
    if consent.closing is not None:
        raise forbidden(consent, "A closing is announced already. It takes effect by itself, unless the person opposes it.")
    return replace(consent, closing=Closing(wish.motive, evidence, due=now + terms.grace))


def closed(consent: Consent, now: datetime, terms: Terms) -> Consent:
    """The record with its announced closing in effect. What is open in an emergency ends: a reopened record revives none of it."""
    if consent.closing is None:
        raise ValueError("no closing is announced")
    episodes = tuple(replace(one, end=now) if one.is_open(now) else one for one in consent.episodes)
    destroy = destroy_time(now, terms)
    closing = replace(consent.closing, closed=now, destroy=destroy, announce=max(now, destroy - terms.purge_notice))
    return replace(consent, state=RecordState.CLOSED, closing=closing, episodes=episodes)


def oppose(consent: Consent, asker: Asker) -> Consent:
    """Take an announced closing away: the holder opposes it, or whoever announced it takes it back."""
    if consent.is_unopened or (asker.is_person and consent.patient not in (asker.acts_for, represented(asker))):
        raise RuleBrokenError("NOT_FOUND", "There is no such record.")
    announced_it = consent.closing is not None and consent.closing.evidence.collected_by == asker.subject
    if not acts_as_holder(asker, consent) and not announced_it:
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "Only the holder opposes a closing, or who announced it takes it back.")
    if consent.state != RecordState.ACTIVE:
        raise closed_already(consent)
    if consent.closing is None or consent.closing.motive == DEATH:
        raise forbidden(consent, "No closing is announced that can be opposed.")
    return replace(consent, closing=None)


def reopen(consent: Consent, asker: Asker, renewal: Renewal, now: datetime) -> Consent:
    """Reopen a closed record with its holder's renewed consent; whoever collects that is not authorised by it."""
    _check_may_reopen(consent, asker, now)
    if consent.is_destroyed:
        raise destroyed(consent)
    if consent.state != RecordState.CLOSED:
        raise forbidden(consent, "The record is not closed.")
    if consent.destruction is not None and consent.destruction.origin is Origin.HOLDER:
        raise forbidden(consent, "The record is about to be destroyed, as its holder wishes. She can cancel that.")
    if consent.closing is not None and consent.closing.motive == DEATH:
        raise RuleBrokenError("PERSON_DECEASED", "The record is closed because the person has died. Correct the identity if she lives.")
    if _kept_until(consent) <= now:
        raise forbidden(consent, "A closed record is kept for a time, and that is over: it is due to be destroyed.")
    if not renewal.is_confirmed:
        raise RuleBrokenError("EVIDENCE_REQUIRED", "must say that the person consents again", field="consent_confirmed")
    evidence = evidence_of(asker, renewal.form, renewal.form_version, renewal.method, now)
    return replace(consent, state=RecordState.ACTIVE, closing=None, renewed=evidence, destruction=None)


def _kept_until(consent: Consent) -> datetime:
    """Until when a closed record can be reopened: its retention, or the announced destruction where that comes later."""
    if consent.destruction is not None:
        return consent.destruction.due
    destroy = consent.closing.destroy if consent.closing is not None else None
    return destroy if destroy is not None else datetime.max.replace(tzinfo=UTC)


def destroy_time(closed: datetime, terms: Terms) -> datetime:
    """When a record closed then is due to be destroyed: ten years from its closing (CSP L1111-18)."""
    year = closed.year + terms.retention_years
    try:
        return closed.replace(year=year)
    except ValueError:  # 29 February: kept a day longer, never a day shorter
        return closed.replace(year=year, month=3, day=1)


def represented(asker: Asker) -> str:
    """`patients/{p}` whom a person represents, a minor or a protected adult; empty for nobody."""
    represents = asker.is_mandatary and asker.mandate is not None and asker.mandate.kind in REPRESENTATIONS
    return asker.mandate.holder if represents and asker.mandate is not None else ""


def forbidden(consent: Consent, remedy: str) -> RuleBrokenError:
    """The refusal of what this state of the record does not allow, telling the state."""
    return RuleBrokenError("STATE_FORBIDS", remedy, metadata={"state": state_told(consent)})


def closed_already(consent: Consent) -> RuleBrokenError:
    """The refusal of closing, or of opposing that, once it is done."""
    if consent.is_destroyed:
        return destroyed(consent)
    return forbidden(consent, "The record is closed. Reopen it with the person's renewed consent.")


def state_told(consent: Consent) -> str:
    """The state in one word, an announced closing told apart."""
    return "CLOSING_ANNOUNCED" if consent.state == RecordState.ACTIVE and consent.closing is not None else consent.state.value


def _who_closes(consent: Consent, asker: Asker, now: datetime) -> Actor:
    """As whom the asker closes; somebody else's record is answered as an absent one is."""
    if asker.is_person:
        if consent.is_unopened or consent.patient not in (asker.acts_for, represented(asker)):
            raise RuleBrokenError("NOT_FOUND", "There is no such record.")
        if asker.purpose != Purpose.PATIENT_REQUEST:
            raise RuleBrokenError("PURPOSE_NOT_ALLOWED", "A person acts at her own request.")
        return Actor.HOLDER if is_holder(asker, consent) else Actor.REPRESENTATIVE
    _check_professional(consent, asker, now)
    if not first_that_speaks(consent, asker, now).authorises:
        # She asks him in care, so he has her consent to read or gets it first; else anybody could announce anybody's closing.
        raise RuleBrokenError("NEEDS_CONSENT", "Only a professional who has the person's consent closes for her. Ask your patient.")
    return Actor.PROFESSIONAL


def _check_professional(consent: Consent, asker: Asker, now: datetime) -> None:
    check_treating(asker)
    if consent.is_unopened:
        raise RuleBrokenError("NOT_FOUND", "There is no such record.")
    check_not_blocked(consent, asker, now)


def _check_may_reopen(consent: Consent, asker: Asker, now: datetime) -> None:
    if not asker.is_person:
        _check_professional(consent, asker, now)
    elif consent.is_unopened or not acts_as_holder(asker, consent):
        raise RuleBrokenError("NOT_FOUND", "There is no such record.")
    elif asker.purpose != Purpose.PATIENT_REQUEST:
        raise RuleBrokenError("PURPOSE_NOT_ALLOWED", "A person acts at her own request.")


def _check_wish(wish: ClosingWish, motives: Motives, actor: Actor) -> None:
    if not motives.may_give(actor, wish.motive):
        raise RuleBrokenError("INVALID_FIELD", "must be a motive that the table gives to who closes", field="motive_code")
    if len(wish.words) > WORDS_LENGTH:
        raise RuleBrokenError("INVALID_FIELD", f"must have at most {WORDS_LENGTH} characters", field="motive_text")
