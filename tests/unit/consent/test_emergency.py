"""Emergencies: what the switch DIRECTIVES opens and leaves closed, what switches depend on, why the glass is broken."""

from dataclasses import replace

import pytest
from carnet_consent.domain.asker import Asker
from carnet_consent.domain.consent import Consent, NamedHide, Switches, contradictions
from carnet_consent.domain.decision import decide
from carnet_consent.domain.emergency import check_motive
from carnet_consent.domain.filter import DocumentFacts, DocumentFilter
from carnet_consent.domain.hiding import check_switches, switches_withdraw
from carnet_consent.domain.outcome import Permit
from carnet_consent.domain.refusal import RuleBrokenError
from unit.consent.builders import NOW, asker, reading, record_stating, tables

DIRECTIVES = DocumentFacts("records/r/documents/d", "90", "EXPPAT_3", labels=("MASQUE_PS",))
CONTACTS = DocumentFacts("records/r/documents/c", "95", "FICHE-CONTACTS", labels=("MASQUE_PS",))
BIOLOGY = DocumentFacts("records/r/documents/b", "10", "11502-2", labels=("MASQUE_PS",))
EMERGENCIES = [("doctor", "BREAK_GLASS"), ("dispatch doctor", "EMERGENCY_DISPATCH")]


def opened(who: Asker, consent: Consent) -> DocumentFilter:
    outcome = decide(reading(who), consent, tables(), NOW).outcome
    assert isinstance(outcome, Permit)
    return outcome.filter


def broken(**switches: bool) -> Consent:
    return replace(record_stating("emergency of doctor"), switches=Switches(**switches))


@pytest.mark.parametrize(("who", "purpose"), EMERGENCIES)
def test_the_directives_open_in_an_emergency_although_masked_and_nothing_else_does(who: str, purpose: str) -> None:
    documents = opened(asker(who, purpose), broken(directives=True))

    assert documents.passes(DIRECTIVES)
    assert documents.passes(CONTACTS)
    assert not documents.passes(BIOLOGY)
    assert not opened(asker(who, purpose), broken()).passes(DIRECTIVES)


def test_the_switch_opens_nothing_outside_an_emergency() -> None:
    stated = replace(record_stating("standing of doctor"), switches=Switches(directives=True))

    assert not opened(asker("doctor", "TREATMENT"), stated).passes(DIRECTIVES)


def test_a_hiding_by_name_closes_the_directives_all_the_same() -> None:
    hidden = replace(broken(directives=True), hides=(NamedHide(DIRECTIVES.name, "professionals/doctor"),))

    assert not opened(asker("doctor", "BREAK_GLASS"), hidden).passes(DIRECTIVES)


def test_the_habilitation_of_the_profession_closes_them_all_the_same() -> None:
    nurse = replace(asker("doctor", "BREAK_GLASS"), role="60")

    documents = opened(nurse, broken(directives=True))

    assert documents.passes(DIRECTIVES)
    assert not documents.passes(CONTACTS)


def test_masked_opens_them_with_everything_else() -> None:
    assert opened(asker("doctor", "BREAK_GLASS"), broken(masked_documents=True)).passes(DIRECTIVES)


@pytest.mark.parametrize(
    ("switches", "field"),
    [
        (Switches(dispatch=False, break_glass=False, masked_documents=True), "emergency_switches.masked_documents"),
        (Switches(dispatch=False, break_glass=False, directives=True), "emergency_switches.directives"),
    ],
)
def test_a_switch_that_depends_on_another_is_refused_by_its_field(switches: Switches, field: str) -> None:
    with pytest.raises(RuleBrokenError) as refused:
        check_switches(switches)

    assert (refused.value.reason, refused.value.field) == ("SWITCH_DEPENDENCY", field)
    assert any(contradictions(replace(record_stating(""), switches=switches)))


@pytest.mark.parametrize("other", [Switches(dispatch=False, directives=True), Switches(break_glass=False, directives=True)])
def test_either_emergency_bears_the_switch(other: Switches) -> None:
    check_switches(other)


def test_turning_it_off_is_a_withdrawal_and_on_is_none() -> None:
    assert switches_withdraw(Switches(directives=True), Switches())
    assert not switches_withdraw(Switches(), Switches(directives=True))


def test_the_motive_is_a_code_of_the_table_and_other_when_none_is_named() -> None:
    assert check_motive("", tables()) == "OTHER"
    assert check_motive("UNCONSCIOUS", tables()) == "UNCONSCIOUS"
    with pytest.raises(RuleBrokenError) as refused:
        check_motive("BORED", tables())
    assert (refused.value.reason, refused.value.field) == ("INVALID_FIELD", "motive")
