"""Who can read a document now: never other than a decision would say."""

from dataclasses import replace
from datetime import timedelta

from carnet_consent.domain.asker import Asker, Purpose
from carnet_consent.domain.consent import AttendingPhysician, Consent, Episode, NamedHide, RecordState, Switches
from carnet_consent.domain.decision import decide
from carnet_consent.domain.filter import DocumentFacts
from carnet_consent.domain.outcome import Permit
from carnet_consent.domain.readers import About, emergency_roles, reading_roles, standings
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.consent.builders import CLINIC, DOCTOR, HOSPITAL, NOW, reading, record, statement, tables
from unit.consent.test_monotonicity import DOCUMENTS, PEOPLE, PLACES, askers, records

NURSE = "professionals/nurse"
BIOLOGY = DocumentFacts("records/r/documents/biology", "10", "11502-2", depositor="professionals/other", structure="structures/lab")
MASKED = replace(BIOLOGY, labels=("MASQUE_PS",))
ROLES = {DOCTOR.subject: "10", NURSE: "60", "professionals/other": "10", PEOPLE[0]: "10", PEOPLE[1]: "60"}


def told(consent: Consent, document: DocumentFacts = BIOLOGY) -> dict[str, tuple[bool, str]]:
    """Of each name whether he reads, and the step that says why."""
    return {one.name: (one.allows, one.why.key) for one in standings(consent, document, ROLES, tables(), NOW)}


def is_permitted(who: Asker, consent: Consent, document: DocumentFacts) -> bool:
    """Whether a decision on the whole record lets somebody read."""
    outcome = decide(reading(who), consent, tables(), NOW).outcome
    return isinstance(outcome, Permit) and outcome.filter.passes(document)


@settings(max_examples=60, deadline=None)
@given(records(), st.sampled_from(DOCUMENTS))
def test_no_standing_differs_from_the_decision(consent: Consent, document: DocumentFacts) -> None:
    for standing in standings(consent, document, ROLES, tables(), NOW):
        name = standing.name
        for role in standing.roles:
            subject, structure = ("professionals/-", name) if name in PLACES else (name, standing.structure or "structures/-")
            who = Asker(subject, role, structure, standing.purpose)
            assert is_permitted(who, consent, document) == standing.allows


@settings(max_examples=60, deadline=None)
@given(askers, records(), st.sampled_from(DOCUMENTS))
def test_whoever_reads_for_care_stands_in_the_list_or_his_structure_does(asker: Asker, consent: Consent, document: DocumentFacts) -> None:
    who = replace(asker, purpose=Purpose.TREATMENT, role=ROLES[asker.subject])
    reads = {one.name: one for one in standings(consent, document, ROLES, tables(), NOW) if one.allows}

    if is_permitted(who, consent, document):
        structure = reads.get(who.structure)
        assert who.subject in reads or (structure is not None and who.role in structure.roles)


@settings(max_examples=60, deadline=None)
@given(askers, records())
def test_what_is_stated_about_others_says_nothing_about_an_asker(asker: Asker, consent: Consent) -> None:
    assert decide(reading(asker), About(consent).of(asker), tables(), NOW) == decide(reading(asker), consent, tables(), NOW)


def test_each_reader_is_told_with_why_and_until_when() -> None:
    standing, relation = statement("STANDING", DOCTOR.subject), replace(statement("CARE_RELATION", HOSPITAL, number=1), end=None)
    by_name = {one.name: one for one in standings(record(standing, relation), BIOLOGY, ROLES, tables(), NOW)}

    assert (by_name[DOCTOR.subject].why.key, by_name[DOCTOR.subject].until) == ("authorisation-of-the-person", standing.end)
    assert (by_name[HOSPITAL].why.key, by_name[HOSPITAL].until) == ("care-relation", None)
    assert {"10", "60"} <= set(by_name[HOSPITAL].roles)
    assert "36" not in by_name[HOSPITAL].roles, "a profession that reads nothing"
    assert (by_name["professionals/other"].allows, by_name["professionals/other"].why.key) == (False, "consent-stated")


def test_two_structures_stated_alike_end_each_at_its_time() -> None:
    first, second = statement("STANDING", HOSPITAL), replace(statement("STANDING", CLINIC, number=1), end=NOW + timedelta(hours=1))
    until = {one.name: one.until for one in standings(record(first, second), BIOLOGY, ROLES, tables(), NOW)}

    assert (until[HOSPITAL], until[CLINIC]) == (first.end, second.end)


def test_who_is_refused_by_name_is_told_with_why() -> None:
    blocked = record(statement("STANDING", DOCTOR.subject), statement("BLOCK", HOSPITAL, number=1), statement("STANDING", NURSE, number=2))
    hiding = replace(blocked, hides=(NamedHide(BIOLOGY.name, NURSE), NamedHide(BIOLOGY.name, "patients/son")))

    assert told(hiding) == {
        DOCTOR.subject: (True, "authorisation-of-the-person"),
        HOSPITAL: (False, "block-of-the-structure"),
        NURSE: (False, "hidden-by-name"),
        "patients/son": (False, "hidden-by-name"),
        "professionals/other": (False, "consent-stated"),
    }


def test_a_masked_document_is_open_to_the_attending_physician_and_to_who_deposited_it() -> None:
    consent = record(*(statement("STANDING", who, number=n) for n, who in enumerate((DOCTOR.subject, NURSE, "professionals/other"))))
    attended = replace(consent, attending_physicians=(AttendingPhysician(DOCTOR.subject, is_confirmed=True),))
    by_name = {one.name: one for one in standings(attended, MASKED, ROLES, tables(), NOW)}

    assert by_name[DOCTOR.subject].allows
    assert by_name[DOCTOR.subject].is_attending
    assert (by_name["professionals/other"].allows, by_name["professionals/other"].why.key) == (True, "own-deposit")
    assert (by_name[NURSE].allows, by_name[NURSE].why.key) == (False, "labels")


def test_what_a_structure_deposited_without_author_opens_to_its_member_in_care() -> None:
    """rules.md 5: also where the care relation is his own."""
    document = replace(MASKED, depositor="", structure=HOSPITAL)
    found = list(standings(record(statement("CARE_RELATION", NURSE)), document, ROLES, tables(), NOW))

    assert [(one.name, one.structure, one.allows) for one in found if one.name == NURSE] == [(NURSE, HOSPITAL, True), (NURSE, "", False)]


def test_who_sees_what_is_masked_reads_it_where_his_structure_is_authorised() -> None:
    consent = replace(
        record(statement("STANDING", HOSPITAL)), attending_physicians=(AttendingPhysician(DOCTOR.subject, is_confirmed=True),)
    )
    found = [(one.name, one.structure) for one in standings(consent, MASKED, ROLES, tables(), NOW) if one.allows]

    assert found == [(DOCTOR.subject, HOSPITAL), ("professionals/other", HOSPITAL)]


def test_an_open_emergency_is_told_as_one_for_its_structure() -> None:
    broken = replace(record(), episodes=(Episode("e", DOCTOR.subject, CLINIC, NOW, NOW + timedelta(hours=1)),))
    found = [one for one in standings(broken, BIOLOGY, ROLES, tables(), NOW) if one.name == DOCTOR.subject]

    assert [(one.purpose, one.structure, one.allows) for one in found] == [("BREAK_GLASS", CLINIC, True), ("TREATMENT", "", False)]
    assert found[0].until == NOW + timedelta(hours=1)


def test_nobody_reads_a_closed_record() -> None:
    closed = replace(record(statement("STANDING", DOCTOR.subject)), state=RecordState.CLOSED)

    assert {allows for allows, _ in told(closed).values()} == {False}


def test_in_an_emergency_a_profession_reads_what_its_habilitation_and_the_switches_open() -> None:
    def roles(consent: Consent, document: DocumentFacts, purpose: Purpose) -> tuple[str, ...]:
        return emergency_roles(consent, document, tables(), purpose, NOW)

    assert "10" in roles(record(), BIOLOGY, Purpose.BREAK_GLASS)
    assert roles(record(), BIOLOGY, Purpose.EMERGENCY_DISPATCH)
    assert roles(record(), MASKED, Purpose.BREAK_GLASS) == ()
    assert roles(replace(record(), switches=Switches(masked_documents=True)), MASKED, Purpose.BREAK_GLASS)
    assert roles(replace(record(), switches=Switches(break_glass=False)), BIOLOGY, Purpose.BREAK_GLASS) == ()


@settings(max_examples=40, deadline=None)
@given(records(), st.sampled_from(DOCUMENTS))
def test_each_profession_of_a_structure_is_told_as_a_decision_answers_it(consent: Consent, document: DocumentFacts) -> None:
    """In care nothing but the habilitation for the document is asked of a profession: those alike in it are asked for together."""
    for one in standings(consent, document, ROLES, tables(), NOW):
        if one.name.startswith("structures/"):
            somebody = Asker("professionals/-", "", one.name, Purpose.TREATMENT)
            assert all(is_permitted(replace(somebody, role=role), consent, document) == one.allows for role in one.roles)
            readers = {role for role in reading_roles(tables()) if is_permitted(replace(somebody, role=role), consent, document)}
            assert not readers or (one.allows and set(one.roles) <= readers)
