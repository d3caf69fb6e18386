"""Opening a record, on the person's request with evidence (rules.md 18), and what asking for a record tells (TD0.2, rules.md 7)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from carnet_consent.domain.asker import Asker, Purpose
from carnet_consent.domain.consent import Consent, Evidence, RecordState, Statement, StatementKind, Switches
from carnet_consent.domain.hiding import check_switches
from carnet_consent.domain.precedence import first_that_speaks
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.stating import Durations, check_treating

EVIDENCE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Opening:
    """What somebody asks to open, and how the person's consent was collected."""

    patient: str
    form: str
    form_version: str
    method: str
    switches: Switches


class Availability(StrEnum):
    """What the asker finds when asking for a person's record."""

    AUTHORISED = "AUTHORISED"
    NEEDS_CONSENT = "NEEDS_CONSENT"
    AUTHORISATION_EXPIRED = "AUTHORISATION_EXPIRED"
    BLOCKED = "BLOCKED"
    CLOSED = "CLOSED"
    NO_RECORD = "NO_RECORD"
    OPENING_ANNOUNCED = "OPENING_ANNOUNCED"
    """There is none yet. Told to the person alone, as the next is: to everybody else there is no record."""
    OPENING_OPPOSED = "OPENING_OPPOSED"
    DESTROYING = "DESTROYING"
    """It is being destroyed: a new one can be opened when that is done."""
    DESTROYED = "DESTROYED"
    """It was destroyed, and there is no other: a new one can be opened."""


def check_may_open(asker: Asker, opening: Opening) -> None:
    """Refuse whoever may not open a record for this person, and evidence that is incomplete. No record is looked at before."""
    if asker.is_person:
        if asker.acts_for != opening.patient or asker.purpose != Purpose.PATIENT_REQUEST:
            raise RuleBrokenError("ROLE_NOT_ALLOWED", "A person opens a record for herself alone, or for a minor whom she represents.")
    else:
        check_treating(asker)
    check_evidence(opening.form, opening.form_version, opening.method)
    check_switches(opening.switches)


def check_evidence(form: str, form_version: str, method: str) -> None:
    """Refuse evidence of a person's will that lacks a part."""
    for name, text in (("form", form), ("form_version", form_version), ("method", method)):
        if not text.strip() or len(text) > EVIDENCE_LENGTH:
            raise RuleBrokenError("EVIDENCE_REQUIRED", f"is required, at most {EVIDENCE_LENGTH} characters", field=f"evidence.{name}")


def evidence_of(asker: Asker, form: str, form_version: str, method: str, now: datetime) -> Evidence:
    """The evidence as the asker collected it. Refused when it lacks a part."""
    check_evidence(form, form_version, method)
    return Evidence(form.strip(), form_version.strip(), method.strip(), asker.subject, now)


def open_record(asker: Asker, opening: Opening, now: datetime, durations: Durations, *, record: str, statement_id: str) -> Consent:
    """Make the record. The professional who opens it collected the person's consent, so he is authorised by it."""
    evidence = evidence_of(asker, opening.form, opening.form_version, opening.method, now)
    statements: tuple[Statement, ...] = ()
    if not asker.is_person:
        statements = (Statement(statement_id, asker.subject, StatementKind.STANDING, now, now + durations.standing, asker.subject),)
    return Consent(record, opening.patient, RecordState.ACTIVE, 0, now, evidence, opening.switches, statements)


def check_may_look_up(asker: Asker, patient: str) -> None:
    """Refuse a person who asks for somebody else, whether or not there is a record."""
    if asker.is_patient and asker.subject != patient:
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "A person asks for her own record alone.")
    if asker.is_mandatary and (asker.mandate is None or asker.mandate.holder != patient):
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "Under a mandate a person asks for the record of whom she acts for.")
    if asker.is_named_professional and not asker.structure:
        raise RuleBrokenError("USER_UNKNOWN", "Name a structure where the user works.")


def tells_closing(asker: Asker) -> bool:
    """Whether why and when a record was closed is told, as a code and a date: to the person, and to a named professional (rules.md 7)."""
    return asker.is_person or asker.is_named_professional


_NOT_OPEN = {
    RecordState.ANNOUNCED: Availability.OPENING_ANNOUNCED,
    RecordState.OPPOSED: Availability.OPENING_OPPOSED,
    RecordState.CLOSED: Availability.CLOSED,
    RecordState.DESTROYING: Availability.DESTROYING,
    RecordState.DESTROYED: Availability.DESTROYED,
}


def availability(consent: Consent | None, asker: Asker, now: datetime) -> Availability:
    """Tell the state of a record with what its reader needs to ask the patient, and nothing beyond (rules.md 7)."""
    if consent is None or (consent.is_unopened and not asker.is_person):
        return Availability.NO_RECORD
    if consent.state != RecordState.ACTIVE:
        return _NOT_OPEN[consent.state]
    finding = first_that_speaks(consent, asker, now)
    if asker.is_person or finding.authorises:
        return Availability.AUTHORISED
    if finding.refusal == "BLOCKED":
        return Availability.BLOCKED
    has_ended = any(s.grantee in asker.grantees and s.kind != StatementKind.BLOCK and not s.is_in_force(now) for s in consent.statements)
    return Availability.AUTHORISATION_EXPIRED if has_ended else Availability.NEEDS_CONSENT
