"""Whether what is said of a person fits her."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.identity_status import IdentityStatus
from carnet_identity.domain.ins import NIR_TEST, Ins
from carnet_identity.domain.mandatary_match import MandataryMatch
from carnet_identity.domain.patient import Death, Patient
from carnet_identity.domain.traits import Sex, Traits

INS = Ins("279035121518989", NIR_TEST)
TRAITS = Traits(
    birth_family_name="D'ESSAI",
    first_given_name="ANNE-LAURE",
    birth_date="19790300",
    sex=Sex.FEMALE,
    used_family_name="MODELE",
    used_given_name="LAURE",
)
HER = Patient(id="p", ins=INS, traits=TRAITS, status=IdentityStatus.QUALIFIED)


def match(**changes: Any) -> MandataryMatch:  # noqa: ANN401 - fields of the value
    good = {"ins": INS, "family_name": "D'Essai", "given_name": "Anne Laure", "birth_date": "19790300"}
    return MandataryMatch(**{**good, **changes})


@pytest.mark.parametrize(
    "changes", [{}, {"family_name": "modèle"}, {"given_name": "laure"}, {"family_name": "D ESSAI", "given_name": "ANNE-LAURE"}]
)
def test_birth_name_or_name_in_use_fits_whatever_its_spelling(changes: dict[str, str]) -> None:
    assert match(**changes).fits(HER)


@pytest.mark.parametrize(
    "changes",
    [
        {"ins": Ins("277076322082910", NIR_TEST)},
        {"ins": Ins(INS.value, "1.2.250.1.213.1.4.8")},
        {"family_name": "ESSAI"},
        {"given_name": "ANNE"},
        {"birth_date": "19790328"},
    ],
)
def test_one_trait_that_differs_fits_nobody(changes: dict[str, Any]) -> None:
    """domain.md 1.3: INS, first name, family name and birth date."""
    assert not match(**changes).fits(HER)


def test_who_has_died_is_fitted_by_nothing() -> None:
    death = Death(death_date="20260101", evidence="certificate", record_time=datetime(2026, 1, 2, tzinfo=UTC))
    assert not match().fits(replace(HER, death=death))


@pytest.mark.parametrize("changes", [{"family_name": " "}, {"given_name": "x" * 101}, {"birth_date": "1979"}, {"birth_date": "1979032٨"}])
def test_what_could_fit_nobody_by_its_form_is_refused_by_field(changes: dict[str, str]) -> None:
    with pytest.raises(BrokenRule) as caught:
        match(**changes)
    assert caught.value.field == f"mandatary.{next(iter(changes))}"
    assert "ESSAI" not in repr(match())
