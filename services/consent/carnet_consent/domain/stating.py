"""Stating and taking back: authorisations, care relations and blocks (rules.md 2 and 3, TD0.3).

The holder states anything about anyone. A professional states for himself, and thereby that the person consented; when he says so, for
another professional whose consent he collected (CSP L1111-17 II, R1111-46), being authorised himself. A block is the holder's; the
confirmed attending physician states one that she asked him for, in words (MES-APP; domain.md 1.3). Its end is hers alone: whoever was
blocked then falls back to nothing and must ask again. Who stated a thing is kept with it.

What the interface of the DMP asks by TD0.3 as (authorise, attending physician) is here, in the terms of `AuthorisationService`:
(yes, no) CreateAuthorisation; (yes, yes) CreateAuthorisation, then DeclareAttendingPhysician; (no, no) DeleteAuthorisation;
(no, yes) EndAttendingPhysician, which keeps the access.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from carnet_consent.domain.asker import Asker, Purpose
from carnet_consent.domain.consent import AUTHORISATIONS, Consent, RecordState, Statement, StatementKind
from carnet_consent.domain.destroyed import destroyed
from carnet_consent.domain.holder import acts_as_holder
from carnet_consent.domain.precedence import first_that_speaks
from carnet_consent.domain.refusal import RuleBrokenError

MOTIVE_LENGTH = 500
CLOCKS_DIFFER = timedelta(minutes=1)
"""An end counted from a clock that is ahead by this much is taken for the latest that is allowed."""


@dataclass(frozen=True, slots=True)
class Durations:
    """How long what is stated lasts when nobody says so (rules.md 3), and how many statements a record holds."""

    single_consultation: timedelta = timedelta(hours=24)
    standing: timedelta = timedelta(days=365)
    care_relation: timedelta = timedelta(days=365)
    most_statements: int = 500


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks to state."""

    grantee: str
    kind: StatementKind
    end: datetime | None = None
    motive: str = ""
    is_for_another: bool = False
    """A professional says that he collected the consent on behalf of the grantee."""


def check_may_change(asker: Asker, consent: Consent) -> None:
    """Refuse a person who neither is the holder nor manages the record for her, as if there were none; and any change of a closed one."""
    if consent.is_unopened or (asker.is_person and not acts_as_holder(asker, consent)):
        raise RuleBrokenError("NOT_FOUND", "There is no such record.")
    if consent.is_destroyed:
        raise destroyed(consent)
    if consent.state != RecordState.ACTIVE:
        raise RuleBrokenError("RECORD_CLOSED", "The record is closed.")


def check_holder(asker: Asker, consent: Consent) -> None:
    """Refuse anyone but the holder, and a minor's representative."""
    if not asker.acts_for:
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "Only the holder of the record may do this.")
    if asker.purpose != Purpose.PATIENT_REQUEST:
        raise RuleBrokenError("PURPOSE_NOT_ALLOWED", "The holder acts at her own request.")
    check_may_change(asker, consent)


def check_treating(asker: Asker) -> None:
    """Refuse anyone but a named professional acting for a structure in care: an emergency never leaves an authorisation behind."""
    if not asker.is_named_professional or not asker.structure:
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "Only the holder, or a professional authenticated by name for a structure, may do this.")
    if asker.purpose != Purpose.TREATMENT:
        raise RuleBrokenError("PURPOSE_NOT_ALLOWED", "Consent is collected in care, not in an emergency.")


def check_not_blocked(consent: Consent, asker: Asker, now: datetime) -> None:
    """Refuse a professional whom the person blocked, by name or with the structure he acts for."""
    if first_that_speaks(consent, asker, now).refusal == "BLOCKED":
        raise RuleBrokenError("BLOCKED", "The person blocked this access. Only she can unblock it.")


def state(
    consent: Consent, asker: Asker, wish: Wish, now: datetime, durations: Durations, *, statement_id: str
) -> tuple[Consent, Statement]:
    """Add a statement. It takes the place of an earlier one of its kind about the same grantee.

    Raises:
        RuleBrokenError: the asker may not state this, or an end is missing, past or too late.
    """
    check_may_change(asker, consent)
    _check_may_state(consent, asker, wish, now)
    if len(wish.motive) > MOTIVE_LENGTH:
        raise RuleBrokenError("INVALID_FIELD", f"must have at most {MOTIVE_LENGTH} characters", field="authorisation.motive")
    end = _end(wish, now, durations, by_holder=acts_as_holder(asker, consent))
    statement = Statement(statement_id, wish.grantee, wish.kind, now, end, asker.subject, wish.motive.strip())
    kept = _with_room(tuple(s for s in consent.statements if not _gives_way(s, statement, now)), now, durations.most_statements)
    return replace(consent, statements=(*kept, statement)), statement


def take_back(consent: Consent, asker: Asker, statement_id: str, now: datetime) -> tuple[Consent, Statement]:
    """Take a statement back: any by the holder; his own by the grantee, unless it is a block."""
    check_may_change(asker, consent)
    statement = next((s for s in consent.statements if s.id == statement_id and s.is_in_force(now)), None)
    if statement is None or not (acts_as_holder(asker, consent) or statement.grantee == asker.subject):
        raise RuleBrokenError("NOT_FOUND", "There is no such statement.")
    if acts_as_holder(asker, consent):
        check_holder(asker, consent)
    elif statement.kind == StatementKind.BLOCK:
        raise RuleBrokenError("BLOCKED", "Only the person can unblock.")
    ended = replace(statement, end=now)
    # What a hand took back is kept as ended, so that TD0.2 can say EXPIRE; an ended block is forgotten: its grantee falls back to nothing.
    others = tuple(s for s in consent.statements if s is not statement)
    return replace(consent, statements=others if statement.kind == StatementKind.BLOCK else (*others, ended)), statement


def _check_may_state(consent: Consent, asker: Asker, wish: Wish, now: datetime) -> None:
    if acts_as_holder(asker, consent):
        check_holder(asker, consent)
        if wish.kind != StatementKind.BLOCK and any(s.kind == StatementKind.BLOCK for s in consent.in_force_about(wish.grantee, now)):
            raise RuleBrokenError("STATE_FORBIDS", "The grantee is blocked. Take the block back first.")
        return
    check_treating(asker)
    if wish.kind == StatementKind.BLOCK:
        _check_asked_to_block(consent, asker, wish)
    elif wish.is_for_another:
        _check_collected_for_another(consent, asker, wish, now)
    elif wish.grantee != asker.subject:
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "A professional states for himself, or says that he collected the consent for another.")
    check_not_blocked(consent, asker, now)


def _check_asked_to_block(consent: Consent, asker: Asker, wish: Wish) -> None:
    """Only the confirmed attending physician blocks for the person: one professional, not himself, and he says that she asked for it."""
    if not consent.has_confirmed(asker.subject):
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "Only the person, or her confirmed attending physician on her request, blocks somebody.")
    if not wish.grantee.startswith("professionals/") or wish.grantee == asker.subject:
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "The attending physician blocks another professional; a structure she blocks herself.")
    if not any(character.isalpha() for character in wish.motive):
        raise RuleBrokenError("INVALID_FIELD", "must say in words that the person asked for it", field="authorisation.motive")


def _check_collected_for_another(consent: Consent, asker: Asker, wish: Wish, now: datetime) -> None:
    """Consent collected for another professional: by one whom the record authorises, an authorisation, for nobody whom she blocked."""
    finding = first_that_speaks(consent, asker, now)
    if not finding.authorises:
        raise RuleBrokenError(finding.refusal, "The person's consent to you comes first. Ask your patient.")
    if wish.kind not in AUTHORISATIONS:
        raise RuleBrokenError(
            "INVALID_FIELD", "must be an authorisation: a care relation is stated by who has it", field="authorisation.kind"
        )
    if not wish.grantee.startswith("professionals/") or wish.grantee == asker.subject:
        raise RuleBrokenError("INVALID_FIELD", "must be another professional", field="authorisation.grantee")
    if any(s.kind == StatementKind.BLOCK for s in consent.in_force_about(wish.grantee, now)):
        raise RuleBrokenError("STATE_FORBIDS", "Only the person herself can state this. Ask her.")


def _end(wish: Wish, now: datetime, durations: Durations, *, by_holder: bool) -> datetime | None:
    """When the statement ends: as asked within the limit, or after the default; a block lasts until the holder ends it."""
    if wish.end is not None and wish.end <= now:
        raise RuleBrokenError("INVALID_FIELD", "must be in the future", field="authorisation.end_time")
    if wish.kind == StatementKind.BLOCK:
        return wish.end
    if wish.end is None and wish.grantee.startswith("structures/"):
        raise RuleBrokenError("INVALID_FIELD", "is required for a structure", field="authorisation.end_time")
    lasts = {
        StatementKind.SINGLE_CONSULTATION: durations.single_consultation,
        StatementKind.STANDING: durations.standing,
        StatementKind.CARE_RELATION: durations.care_relation,
    }[wish.kind]
    is_limited = wish.kind == StatementKind.SINGLE_CONSULTATION or not by_holder
    if wish.end is not None and is_limited and wish.end > now + lasts + CLOCKS_DIFFER:
        raise RuleBrokenError("INVALID_FIELD", "must not be later than the duration of this kind allows", field="authorisation.end_time")
    if wish.end is not None:
        return min(wish.end, now + lasts) if is_limited else wish.end
    return now + lasts


def _gives_way(earlier: Statement, new: Statement, now: datetime) -> bool:
    """Whether an earlier statement makes room for a new one: of the same kind, ended, or an authorisation that a block takes away."""
    if earlier.grantee != new.grantee:
        return False
    return new.kind in {earlier.kind, StatementKind.BLOCK} or not earlier.is_in_force(now)


def _with_room(statements: tuple[Statement, ...], now: datetime, most: int) -> tuple[Statement, ...]:
    """Leave room for one more, by forgetting what has ended; refuse when all are in force."""
    if len(statements) < most:
        return statements
    in_force = tuple(s for s in statements if s.is_in_force(now))
    if len(in_force) >= most:
        raise RuleBrokenError("STATE_FORBIDS", f"A record holds at most {most} statements.")
    return in_force
