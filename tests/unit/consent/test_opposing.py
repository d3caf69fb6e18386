"""Opposing deposits: by author, by class, for a time; with a reason where somebody is authorised (CSP R1111-47)."""

from dataclasses import replace
from datetime import datetime

import pytest
from carnet_consent.domain.asker import Action, Asker
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.context import Question
from carnet_consent.domain.decision import decide
from carnet_consent.domain.opposing import MOST_OPPOSITIONS, OppositionWish, allow, oppose
from carnet_consent.domain.outcome import Denial
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.storage.text import from_text, to_text
from unit.consent.builders import DOCTOR, HOLDER_ASKS, HOSPITAL, HOUR, NOW, asker, record, statement, tables

BY_DOCTOR = OppositionWish(DOCTOR.subject, "", None, "")
REPORTS = OppositionWish("", "10", None, "My employer works there")


def opposed(consent: Consent, wish: OppositionWish, who: Asker = HOLDER_ASKS, number: str = "o") -> Consent:
    return oppose(consent, who, wish, tables(), NOW, opposition_id=number)[0]


def deposits(consent: Consent, who: Asker = DOCTOR, now: datetime = NOW) -> str | set[str]:
    """The classes that may be deposited, or the reason of the refusal."""
    outcome = decide(Question(who, who.purpose, Action.DEPOSIT), consent, tables(), now).outcome
    return outcome.reason if isinstance(outcome, Denial) else set(outcome.filter.rights.classes)


def test_an_author_is_opposed_by_name_or_with_the_structure_he_deposits_for() -> None:
    assert "10" in deposits(record())
    assert deposits(opposed(record(), BY_DOCTOR)) == "DEPOSIT_OPPOSED"
    assert deposits(opposed(record(), replace(BY_DOCTOR, author=HOSPITAL))) == "DEPOSIT_OPPOSED"
    assert "10" in deposits(opposed(record(), replace(BY_DOCTOR, author=HOSPITAL)), asker("doctor at clinic", "TREATMENT"))


def test_a_class_is_opposed_for_every_author_or_for_one() -> None:
    assert deposits(opposed(record(), REPORTS)) == deposits(record()) - {"10"}  # type: ignore[operator]  # a set here
    of_another = opposed(record(), replace(REPORTS, author="professionals/other"))
    assert deposits(of_another) == deposits(record())


def test_one_deposit_is_opposed_by_an_end_and_holds_to_just_before_it() -> None:
    today = opposed(record(), replace(BY_DOCTOR, end=NOW + HOUR))

    assert deposits(today, now=NOW + HOUR / 2) == "DEPOSIT_OPPOSED"
    assert "10" in deposits(today, now=NOW + HOUR)


def test_it_does_not_touch_the_persons_own_deposits_nor_anybodys_reading() -> None:
    consent = opposed(opposed(record(statement("STANDING", DOCTOR.subject)), replace(BY_DOCTOR, reason="He is my neighbour")), REPORTS)

    own = decide(Question(HOLDER_ASKS, "PATIENT_REQUEST", Action.DEPOSIT), consent, tables(), NOW)
    assert own.permits
    assert decide(Question(DOCTOR, "TREATMENT", Action.READ), consent, tables(), NOW).permits


@pytest.mark.parametrize("kind", ["STANDING", "SINGLE_CONSULTATION", "CARE_RELATION"])
def test_who_is_authorised_is_opposed_for_a_legitimate_reason_alone(kind: str) -> None:
    authorised = record(statement(kind, DOCTOR.subject))

    with pytest.raises(RuleBrokenError) as refused:
        opposed(authorised, BY_DOCTOR)

    assert (refused.value.reason, refused.value.field) == ("INVALID_FIELD", "opposition.reason")
    assert deposits(opposed(authorised, replace(BY_DOCTOR, reason="He is my neighbour"))) == "DEPOSIT_OPPOSED"
    assert deposits(opposed(record(statement("BLOCK", DOCTOR.subject)), BY_DOCTOR)) == "DEPOSIT_OPPOSED"


@pytest.mark.parametrize(
    ("wish", "who", "field"),
    [
        (OppositionWish("", "", None, "everything"), HOLDER_ASKS, "opposition.author"),
        (replace(REPORTS, document_class="99"), HOLDER_ASKS, "opposition.document_class"),
        (replace(REPORTS, end=NOW), HOLDER_ASKS, "opposition.end_time"),
        (replace(REPORTS, reason=" "), HOLDER_ASKS, "opposition.reason"),
        (replace(REPORTS, reason="x" * 501), HOLDER_ASKS, "opposition.reason"),
        (REPORTS, DOCTOR, ""),
    ],
)
def test_what_cannot_be_opposed_is_refused_by_its_field(wish: OppositionWish, who: Asker, field: str) -> None:
    with pytest.raises(RuleBrokenError) as refused:
        opposed(record(), wish, who)

    assert refused.value.field == field


def test_only_the_holder_allows_it_again_and_once() -> None:
    consent = opposed(record(), BY_DOCTOR)

    for somebody, opposition in ((DOCTOR, "o"), (HOLDER_ASKS, "other")):
        with pytest.raises(RuleBrokenError):
            allow(consent, somebody, opposition, NOW)
    assert allow(consent, HOLDER_ASKS, "o", NOW)[0] == record()


def test_a_record_holds_a_bounded_number_and_forgets_those_that_have_ended() -> None:
    consent = opposed(record(), replace(BY_DOCTOR, end=NOW + HOUR))
    for number in range(1, MOST_OPPOSITIONS):
        consent = opposed(consent, replace(BY_DOCTOR, author=f"professionals/p{number}"), number=f"o{number}")

    with pytest.raises(RuleBrokenError):
        opposed(consent, REPORTS)
    later, _ = oppose(consent, HOLDER_ASKS, REPORTS, tables(), NOW + HOUR, opposition_id="new")
    assert len(later.oppositions) == MOST_OPPOSITIONS
    assert from_text(to_text(later)) == later
