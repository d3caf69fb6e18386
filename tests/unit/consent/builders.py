"""Builders of records and askers for the unit tests of consent: a hospital, a clinic, a doctor, and a person with a record."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import carnet_consent
from carnet_consent.domain.asker import Action, Asker
from carnet_consent.domain.consent import AttendingPhysician, Consent, Episode, Evidence, RecordState, Statement, StatementKind, Switches
from carnet_consent.domain.context import Question
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.matrix_files import habilitation

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOSPITAL, CLINIC = "structures/hospital", "structures/clinic"
HOLDER, RECORD = "patients/holder", "records/r"
DOCTOR = Asker("professionals/doctor", "10", HOSPITAL, "TREATMENT")
HOLDER_ASKS = Asker(HOLDER, "PATIENT", "", "PATIENT_REQUEST")

ASKERS = {
    "doctor": DOCTOR,
    "doctor at clinic": replace(DOCTOR, structure=CLINIC),
    "doctor without structure": replace(DOCTOR, structure=""),
    "doctor for dispatch": DOCTOR,
    "withdrawn doctor": replace(DOCTOR, is_withdrawn=True),
    "dispatch doctor": replace(DOCTOR, is_dispatch_doctor=True),
    "pharmacist": Asker("professionals/pharmacist", "21", HOSPITAL, "TREATMENT"),
    "driver": Asker("professionals/driver", "36", HOSPITAL, "TREATMENT"),
    "hospital": Asker(HOSPITAL, "STRUCTURE", HOSPITAL, "TREATMENT"),
    "holder": HOLDER_ASKS,
    "other person": replace(HOLDER_ASKS, subject="patients/other"),
}
GRANTEES = {
    "doctor": "professionals/doctor",
    "other doctor": "professionals/other",
    "pharmacist": "professionals/pharmacist",
    "driver": "professionals/driver",
    "hospital": HOSPITAL,
    "clinic": CLINIC,
}


def asker(words: str, purpose: str) -> Asker:
    """The asker a table names, with a token for the purpose asked, unless the table says otherwise."""
    return replace(ASKERS[words], purpose="EMERGENCY_DISPATCH" if words == "doctor for dispatch" else purpose)


def reading(who: Asker) -> Question:
    """The question to read for the purpose of the asker's token."""
    return Question(who, who.purpose, Action.READ)


def statement(kind: str, grantee: str, *, has_ended: bool = False, number: int = 0) -> Statement:
    """A statement begun yesterday that ends tomorrow, or ends at this very instant."""
    end = NOW if has_ended else NOW + 24 * HOUR
    return Statement(f"s{number}", grantee, StatementKind(kind), NOW - 24 * HOUR, end, HOLDER)


def record(*statements: Statement) -> Consent:
    """An active record with these statements."""
    evidence = Evidence("form", "v3", "signed on screen", "professionals/doctor", NOW - 48 * HOUR)
    return Consent(RECORD, HOLDER, RecordState.ACTIVE, 1, NOW - 48 * HOUR, evidence, statements=statements)


def record_stating(words: str) -> Consent:
    """The record that a table describes."""
    consent = record()
    for number, fact in enumerate(part.strip() for part in words.split(",") if part.strip()):
        consent = _with_fact(consent, fact, number)
    return consent


def _with_fact(consent: Consent, fact: str, number: int) -> Consent:
    plain = {
        "closed": replace(consent, state=RecordState.CLOSED),
        "opposed to breaking the glass": replace(consent, switches=Switches(break_glass=False)),
        "opposed to dispatch": replace(consent, switches=Switches(dispatch=False)),
        "two attending physicians": replace(
            consent, attending_physicians=tuple(AttendingPhysician(f"professionals/{one}", is_confirmed=True) for one in "ab")
        ),
    }
    if fact in plain:
        return plain[fact]
    what, _, grantee = fact.partition(" of ")
    has_ended = what.startswith("ended ")
    what = what.removeprefix("ended ")
    if what == "emergency":
        episode = Episode(f"e{number}", GRANTEES[grantee], HOSPITAL, NOW - HOUR, NOW if has_ended else NOW + HOUR)
        return replace(consent, episodes=(*consent.episodes, episode))
    added = statement(what.upper().replace(" ", "_"), GRANTEES[grantee], has_ended=has_ended, number=number)
    return replace(consent, statements=(*consent.statements, added))


@cache
def files() -> dict[str, str]:
    """The text of the newest edition of the tables."""
    folder = max((Path(carnet_consent.__file__).parent / "data").glob("????-??-??"))
    return {file.name: file.read_text() for file in folder.glob("*.csv")}


@cache
def tables() -> Habilitation:
    """The newest edition of the tables."""
    return habilitation(files(), "2026-11-21")
