"""The policy as a table that a clinician can read: policy.md, line by line, asked of the decision."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from carnet_consent.domain.asker import Asker
from carnet_consent.domain.consent import AttendingPhysician, Consent, Episode, NamedHide, RecordState, Switches
from carnet_consent.domain.decision import decide
from carnet_consent.domain.filter import DocumentFacts
from carnet_consent.domain.mandate import Mandate, MandateKind
from carnet_consent.domain.outcome import Permit
from unit.consent.builders import CLINIC, DOCTOR, HOLDER, HOLDER_ASKS, HOSPITAL, HOUR, NOW, reading, record, statement, tables

MOTHER = "patients/mother"
HIDDEN_PLACE = "structures/hidden"
REPORT = "records/r/documents/report"


def acting(role: str, kind: str, **said: object) -> Asker:
    """Somebody who acts for the holder."""
    mandate = Mandate("mandates/m", HOLDER, MandateKind(kind), hidden_structures=(HIDDEN_PLACE,))
    return Asker(MOTHER, role, "", "", mandate=replace(mandate, **said))  # type: ignore[arg-type]  # fields of the mandate


WHO: Mapping[str, Asker] = {
    "doctor": DOCTOR,
    "doctor at the clinic": replace(DOCTOR, structure=CLINIC),
    "doctor who left": replace(DOCTOR, is_withdrawn=True),
    "dispatch doctor": replace(DOCTOR, is_dispatch_doctor=True),
    "nurse": Asker("professionals/nurse", "60", HOSPITAL, ""),
    "pharmacist": Asker("professionals/pharmacist", "21", HOSPITAL, ""),
    "physiotherapist": Asker("professionals/physiotherapist", "70", HOSPITAL, ""),
    "social worker": Asker("professionals/social", "SOC", HOSPITAL, ""),
    "ambulance driver": Asker("professionals/driver", "36", HOSPITAL, ""),
    "hospital without a person": Asker(HOSPITAL, "STRUCTURE", HOSPITAL, ""),
    "insurer": Asker("structures/insurer", "INSURER", "structures/insurer", ""),
    "holder": HOLDER_ASKS,
    "another person": replace(HOLDER_ASKS, subject="patients/other"),
    "mother of the minor": acting("REPRESENTATIVE", "MINOR_REPRESENTATION"),
    "mother whose mandate has ended": acting("REPRESENTATIVE", "MINOR_REPRESENTATION", end=NOW),
    "guardian of the adult": acting("REPRESENTATIVE", "ADULT_REPRESENTATION"),
    "caregiver for reports": acting("CAREGIVER", "CAREGIVING", classes=("10",)),
}
NAMES = {
    "doctor": DOCTOR.subject,
    "hospital": HOSPITAL,
    "mother": MOTHER,
    "pharmacist": "professionals/pharmacist",
    "ambulance driver": "professionals/driver",
}
PURPOSES = {
    "care": "TREATMENT",
    "emergency": "BREAK_GLASS",
    "dispatch": "EMERGENCY_DISPATCH",
    "own request": "PATIENT_REQUEST",
    "deposit by a system": "SYSTEM_DEPOSIT",
}
BIOLOGY = DocumentFacts(REPORT, "10", "11502-2", depositor="professionals/other", structure="structures/lab")
MASKED = ("MASQUE_PS",)
DOCUMENTS: Mapping[str, DocumentFacts] = {
    "report": BIOLOGY,
    "masked report": replace(BIOLOGY, labels=MASKED),
    "masked report of the doctor": replace(BIOLOGY, labels=MASKED, depositor=DOCTOR.subject),
    "masked report of the hospital without author": replace(BIOLOGY, labels=MASKED, depositor="", structure=HOSPITAL),
    "report awaiting announcement": replace(BIOLOGY, labels=("INVISIBLE_PATIENT",)),
    "secret report of a minor": replace(BIOLOGY, labels=("INVISIBLE_REPRESENTANTS_LEGAUX",)),
    "report of a place hidden from her": replace(BIOLOGY, structure=HIDDEN_PLACE),
    "certificate of residence": replace(BIOLOGY, document_type="ATTEST-RESID"),
    "protocol of a long-term illness": replace(BIOLOGY, document_type="PROT_ALD"),
    "reimbursement": replace(BIOLOGY, document_type="REMB"),
    "advance directives": replace(BIOLOGY, document_type="EXPPAT_3"),
    "masked advance directives": replace(BIOLOGY, document_type="EXPPAT_3", labels=MASKED),
}


def _attending(consent: Consent, *, is_confirmed: bool) -> Consent:
    return replace(consent, attending_physicians=(AttendingPhysician(DOCTOR.subject, is_confirmed=is_confirmed),))


WHOLE: Mapping[str, Callable[[Consent], Consent]] = {
    "nothing": lambda consent: consent,
    "record closed": lambda consent: replace(consent, state=RecordState.CLOSED),
    "attending physician": lambda consent: _attending(consent, is_confirmed=True),
    "attending physician not confirmed": lambda consent: _attending(consent, is_confirmed=False),
    "emergencies opposed": lambda consent: replace(consent, switches=Switches(break_glass=False)),
    "dispatch opposed": lambda consent: replace(consent, switches=Switches(dispatch=False)),
    "masked documents accepted": lambda consent: replace(consent, switches=Switches(masked_documents=True)),
    "directives accepted": lambda consent: replace(consent, switches=Switches(directives=True)),
    "authorisation of the doctor has ended": lambda consent: _stating(consent, "STANDING", DOCTOR.subject, has_ended=True),
}
ABOUT = {
    " authorised for one consultation": "SINGLE_CONSULTATION",
    " authorised": "STANDING",
    " takes care of her": "CARE_RELATION",
    " blocked": "BLOCK",
}


def _stating(consent: Consent, kind: str, grantee: str, *, has_ended: bool = False) -> Consent:
    added = statement(kind, grantee, has_ended=has_ended, number=len(consent.statements))
    return replace(consent, statements=(*consent.statements, added))


def _with(consent: Consent, fact: str) -> Consent:
    """The record with one more fact of the table."""
    if fact in WHOLE:
        return WHOLE[fact](consent)
    if fact.startswith("report hidden from the "):
        hidden = NamedHide(REPORT, NAMES[fact.removeprefix("report hidden from the ")])
        return replace(consent, hides=(*consent.hides, hidden))
    if fact.startswith("glass broken by the "):
        who = fact.removeprefix("glass broken by the ").removesuffix(" has ended")
        end = NOW if fact.endswith(" has ended") else NOW + HOUR
        return replace(consent, episodes=(Episode("e", NAMES[who], HOSPITAL, NOW - timedelta(hours=3), end),))
    words, kind = next((words, kind) for words, kind in ABOUT.items() if fact.endswith(words))
    return _stating(consent, kind, NAMES[fact.removesuffix(words)])


def _tables() -> list[list[list[str]]]:
    """The tables of policy.md, without their heads."""
    found: list[list[list[str]]] = []
    before = ""
    for line in Path(__file__).with_name("policy.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            if not before.startswith("|"):
                found.append([])
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        before = line
    return [rows[2:] for rows in found]


LINES, REASONS = _tables()
RULES = {row[0]: row[1] for row in REASONS}


@pytest.mark.parametrize("line", LINES, ids=[", ".join(line[:4]) for line in LINES])
def test_each_line_of_the_policy_is_what_the_decision_answers(line: list[str]) -> None:
    who, stated, document, purpose, may_read, why = line
    consent = record()
    for fact in stated.split(", "):
        consent = _with(consent, fact)
    facts = DOCUMENTS[document]
    facts = replace(facts, document_class=tables().classes[facts.document_type])

    decision = decide(reading(replace(WHO[who], purpose=PURPOSES[purpose])), consent, tables(), NOW)

    if isinstance(decision.outcome, Permit):
        *_, decided = decision.outcome.filter.steps(facts)
        assert (decision.outcome.filter.passes(facts), decided.rule) == (may_read == "yes", RULES[why])
    else:
        assert (False, decision.rule) == (may_read == "yes", RULES[why])


def test_the_table_says_each_thing_once_and_uses_every_word_of_its_own() -> None:
    asked = [tuple(line[:4]) for line in LINES]

    assert len(set(asked)) == len(asked)
    assert {line[5] for line in LINES} == set(RULES)
    assert {line[0] for line in LINES} == set(WHO)
    assert {line[2] for line in LINES} == set(DOCUMENTS)
    assert {line[3] for line in LINES} == set(PURPOSES)
    assert {line[4] for line in LINES} == {"yes", "no"}
