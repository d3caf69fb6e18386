"""Who may ask for an explanation, and what a professional is not told (rules.md 7 and 8)."""

from dataclasses import replace

import pytest
from carnet_consent.domain.asker import Asker
from carnet_consent.domain.asking import ABOUT_ONE_DOCUMENT, check_about_himself, check_holder_asks, told_to_a_professional
from carnet_consent.domain.consent import Consent, NamedHide
from carnet_consent.domain.explanation import explain
from carnet_consent.domain.filter import TERMS, DocumentFacts
from carnet_consent.domain.mandate import Mandate, MandateKind
from carnet_consent.domain.refusal import RuleBrokenError
from unit.consent.builders import CLINIC, DOCTOR, HOLDER, HOLDER_ASKS, HOSPITAL, NOW, reading, record, statement, tables

KIND = DocumentFacts("", "10", "11502-2")
MOTHER = Asker(
    "patients/mother", "REPRESENTATIVE", "", "PATIENT_REQUEST", mandate=Mandate("mandates/m", HOLDER, MandateKind.MINOR_REPRESENTATION)
)


@pytest.mark.parametrize(
    ("who", "consent", "reason"),
    [
        (replace(HOLDER_ASKS, purpose="TREATMENT"), record(), "ROLE_NOT_ALLOWED"),
        (replace(HOLDER_ASKS, subject="patients/other"), record(), "NOT_FOUND"),
        (HOLDER_ASKS, None, "NOT_FOUND"),
        (MOTHER, record(), "ROLE_NOT_ALLOWED"),
        (replace(MOTHER, mandate=replace(MOTHER.mandate, kind=MandateKind.CAREGIVING)), record(), "NOT_FOUND"),  # type: ignore[type-var]
    ],
)
def test_nobody_but_the_holder_asks_about_others(who: Asker, consent: Consent | None, reason: str) -> None:
    with pytest.raises(RuleBrokenError) as refused:
        check_holder_asks(who, consent)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("who", "reader", "document", "reason"),
    [
        (replace(DOCTOR, subject=HOSPITAL), DOCTOR, None, "ROLE_NOT_ALLOWED"),
        (DOCTOR, replace(DOCTOR, subject="professionals/other"), None, "ROLE_NOT_ALLOWED"),
        (DOCTOR, replace(DOCTOR, structure=CLINIC), None, "ROLE_NOT_ALLOWED"),
        (DOCTOR, replace(DOCTOR, role="60"), None, "ROLE_NOT_ALLOWED"),
        (DOCTOR, DOCTOR, replace(KIND, name="records/r/documents/d"), "INVALID_FIELD"),
        (DOCTOR, DOCTOR, replace(KIND, labels=("MASQUE_PS",)), "INVALID_FIELD"),
        (DOCTOR, DOCTOR, replace(KIND, depositor=DOCTOR.subject), "INVALID_FIELD"),
        (DOCTOR, DOCTOR, replace(KIND, structure=HOSPITAL), "INVALID_FIELD"),
    ],
)
def test_a_professional_asks_about_himself_and_kinds_of_document(
    who: Asker, reader: Asker, document: DocumentFacts | None, reason: str
) -> None:
    check_about_himself(DOCTOR, replace(DOCTOR, purpose="BREAK_GLASS", role=""), KIND)
    with pytest.raises(RuleBrokenError) as refused:
        check_about_himself(who, reader, document)
    assert refused.value.reason == reason


def test_what_is_hidden_from_a_professional_changes_nothing_in_what_he_is_told() -> None:
    """Promise 8."""
    consent = record(statement("STANDING", DOCTOR.subject))
    hiding = replace(consent, hides=(NamedHide("records/r/documents/d", DOCTOR.subject),))
    told = [told_to_a_professional(explain(reading(DOCTOR), one, tables(), NOW, KIND).steps) for one in (consent, hiding)]

    assert told[0] == told[1]
    assert {step.key for step in told[0]}.isdisjoint(ABOUT_ONE_DOCUMENT)
    assert told[0][-1].key == "habilitation-of-the-document"


def test_every_term_but_the_habilitation_is_about_one_document() -> None:
    assert {term.key for term in TERMS} == ABOUT_ONE_DOCUMENT | {"habilitation-of-the-document"}
