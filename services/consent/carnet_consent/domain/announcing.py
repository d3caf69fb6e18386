"""Announced opening: the other setting (CSP L1111-14, R1111-28). The person is told, has six weeks to oppose, and then has a record.

Announced by the insurer's system, which creates records (CSP R1111-40, R1111-41). Until the time is over there is no record for anybody
but her. An opposition is kept: nothing is announced again, and a record is opened only with her consent, which takes it back.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from carnet_consent.domain.asker import Asker, Purpose
from carnet_consent.domain.closing import forbidden, represented
from carnet_consent.domain.consent import Consent, RecordState, Switches
from carnet_consent.domain.destroyed import destroyed
from carnet_consent.domain.opening import Opening, evidence_of
from carnet_consent.domain.refusal import RuleBrokenError

CREATES_RECORDS = "INSURER"
"""The role of the system that creates records (CSP R1111-41)."""


class OpeningWay(StrEnum):
    """How records come to be here."""

    ON_REQUEST = "ON_REQUEST"
    """The person asks for one, with evidence (rules.md 18)."""
    ANNOUNCED = "ANNOUNCED"
    """She is told, and may oppose."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """How the person was told: what was sent, in which version, by letter or e-mail (CSP R1111-28)."""

    patient: str
    form: str
    form_version: str
    method: str


def check_way(way: OpeningWay, asked: OpeningWay) -> None:
    """Refuse the way of opening that is not this system's."""
    if way != asked:
        remedy = {
            OpeningWay.ON_REQUEST: "Records are opened on request here. Open one with the person's consent.",
            OpeningWay.ANNOUNCED: "Records are opened by announcement here. Wait until hers is, unless she had opposed and consents now.",
        }
        raise RuleBrokenError("OPENING_WAY_NOT_OFFERED", remedy[way], metadata={"opening": way.value})


def check_may_announce(asker: Asker) -> None:
    """Refuse anyone but the insurer's system. No record is looked at before."""
    if asker.role != CREATES_RECORDS or not asker.subject.startswith("structures/"):
        raise RuleBrokenError("ROLE_NOT_ALLOWED", "Only the system that creates records announces one.")
    if asker.purpose != Purpose.SYSTEM_DEPOSIT:
        raise RuleBrokenError("PURPOSE_NOT_ALLOWED", "A system acts for its own purpose.")


def announce(asker: Asker, announcement: Announcement, now: datetime, to_oppose: timedelta, *, record: str) -> Consent:
    """Make an announced record: nobody reads or feeds it."""
    evidence = evidence_of(asker, announcement.form, announcement.form_version, announcement.method, now)
    return Consent(record, announcement.patient, RecordState.ANNOUNCED, 0, now, evidence, switches=Switches(), opening_due=now + to_oppose)


def oppose_opening(consent: Consent, asker: Asker) -> Consent:
    """Oppose an announced opening: the person, or who represents her, taking her view into account (CSP L1111-14, R1111-40)."""
    if not asker.is_person or consent.patient not in (asker.acts_for, represented(asker)):
        raise RuleBrokenError("NOT_FOUND", "There is no such record.")
    if asker.purpose != Purpose.PATIENT_REQUEST:
        raise RuleBrokenError("PURPOSE_NOT_ALLOWED", "A person acts at her own request.")
    if consent.state == RecordState.OPPOSED:
        raise forbidden(consent, "The opening is opposed already. She can still open a record with her consent.")
    if consent.is_destroyed:
        raise destroyed(consent)
    if consent.state != RecordState.ANNOUNCED:
        raise forbidden(consent, "The record is open already, or closed. An open one can be closed.")
    return replace(consent, state=RecordState.OPPOSED, opening_due=None, closing=None)


def check_may_open_over(consent: Consent, opening: Opening, way: OpeningWay) -> None:
    """Refuse opening on request where there is a record: only an opposition is taken back, and an announcement where nobody announces."""
    if consent.patient != opening.patient:
        raise RuleBrokenError("CONSENT_UNREADABLE", "What the record states cannot be read with certainty. Call the operator.")
    if consent.state == RecordState.CLOSED:
        # A new record beside a closed one would shed its blocks and hidings (rules.md 15).
        raise RuleBrokenError("RECORD_CLOSED", "The person has a closed record. Reopen it with her renewed consent.")
    if consent.state == RecordState.ACTIVE:
        raise RuleBrokenError("RECORD_EXISTS", "The person has an open record already.")
    if consent.is_destroyed:
        raise forbidden(consent, "The person's record is being destroyed. A new one can be opened when that is done.")
    if consent.state == RecordState.ANNOUNCED:
        check_way(way, OpeningWay.ON_REQUEST)


def taken_over(consent: Consent, opened: Consent) -> Consent:
    """The announced or opposed record as opened with her consent: under its own name, with its history."""
    return replace(opened, record=consent.record, person_revision=consent.person_revision)
