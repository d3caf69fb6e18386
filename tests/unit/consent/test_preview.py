"""What a change would alter: never other than decisions before and after it would say."""

from dataclasses import replace
from datetime import timedelta

import pytest
from carnet_consent.domain.asker import Asker, Purpose
from carnet_consent.domain.consent import AttendingPhysician, Consent, Episode, NamedHide, StatementKind, Switches
from carnet_consent.domain.decision import decide
from carnet_consent.domain.documents import Documents
from carnet_consent.domain.filter import DocumentFacts
from carnet_consent.domain.outcome import Permit
from carnet_consent.domain.preview import ADVANCE_DIRECTIVES, Change, Link, Preview, ReaderChange, asked_by_name, known, preview
from carnet_consent.domain.proposal import Attending, Hiding, Proposal, TakingBack, proposed
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.stating import Durations, Wish
from hypothesis import given, settings
from unit.consent.builders import CLINIC, DOCTOR, HOLDER_ASKS, HOSPITAL, NOW, reading, record, statement, tables
from unit.consent.test_monotonicity import DOCUMENTS, askers, records

NURSE = "professionals/nurse"
RESULT = DocumentFacts("records/r/documents/result", "10", "11502-2", depositor="professionals/other", structure="structures/lab")
LETTER = replace(RESULT, name="records/r/documents/letter")
MASKED = replace(RESULT, name="records/r/documents/masked", labels=("MASQUE_PS",))
DIRECTIVES = DocumentFacts("records/r/documents/directives", "90", ADVANCE_DIRECTIVES, depositor="", structure="")
ALL = (RESULT, LETTER, MASKED, DIRECTIVES)
ROLES = {DOCTOR.subject: "10", NURSE: "60", "professionals/a": "10", "professionals/b": "10"}
AUTHORISED = record(statement("STANDING", DOCTOR.subject))


def shown(before: Consent, proposal: Proposal, links: tuple[Link, ...] = ()) -> Preview:
    """The preview of a proposal of the holder."""
    after = proposed(before, HOLDER_ASKS, proposal, "10", NOW, Durations())
    return preview(Change(before, after, Documents.of(ALL), ROLES, tables(), NOW, links))


def by_name(found: Preview) -> dict[tuple[str, str, str], ReaderChange]:
    """The changes by reader, structure and purpose."""
    return {
        (one.name, one.structure, one.purpose): replace(one, gained=tuple(sorted(one.gained)), lost=tuple(sorted(one.lost)))
        for one in found.changes
    }


def of(*documents: DocumentFacts) -> tuple[str, ...]:
    return tuple(sorted(document.name for document in documents))


def opened(asker: Asker, consent: Consent) -> frozenset[str]:
    """What a decision on the whole record opens."""
    outcome = decide(reading(asker), consent, tables(), NOW).outcome
    return frozenset(one.name for one in DOCUMENTS if isinstance(outcome, Permit) and outcome.filter.passes(one))


@settings(max_examples=60, deadline=None)
@given(records(), records())
def test_no_preview_differs_from_the_decisions_before_and_after(before: Consent, after: Consent) -> None:
    """Two whole records stand for a change: whatever differs between them."""
    found = preview(Change(before, after, Documents.of(DOCUMENTS), ROLES, tables(), NOW))

    for one in found.changes:
        if one.name.startswith("professionals/"):
            who = Asker(one.name, one.roles[0], one.structure or "structures/-", one.purpose)
            assert frozenset(one.gained) == opened(who, after) - opened(who, before)
            assert frozenset(one.lost) == opened(who, before) - opened(who, after)


@settings(max_examples=60, deadline=None)
@given(askers, records(), records())
def test_whoever_gains_or_loses_stands_in_the_preview_or_his_structure_does(asker: Asker, before: Consent, after: Consent) -> None:
    who = replace(asker, purpose=Purpose.TREATMENT, role=ROLES[asker.subject])
    found = preview(Change(before, after, Documents.of(DOCUMENTS), ROLES, tables(), NOW))
    told = [one for one in found.changes if one.name in {who.subject, who.structure} and one.structure in {"", who.structure}]

    if opened(who, before) != opened(who, after):
        assert told


def test_an_authorisation_opens_what_the_profession_reads_and_nothing_masked() -> None:
    found = by_name(shown(AUTHORISED, Wish(NURSE, StatementKind.STANDING)))

    assert set(found) == {(NURSE, "", "TREATMENT")}
    assert found[NURSE, "", "TREATMENT"].gained == of(RESULT, LETTER, DIRECTIVES)
    assert found[NURSE, "", "TREATMENT"].lost == ()


def test_what_changes_nothing_for_anybody_is_an_empty_preview() -> None:
    assert shown(AUTHORISED, Wish(DOCTOR.subject, StatementKind.SINGLE_CONSULTATION)) == Preview((), (), ())


def test_a_block_of_a_structure_is_told_for_each_who_is_authorised_by_name_as_acting_for_it() -> None:
    both = record(statement("STANDING", DOCTOR.subject), statement("CARE_RELATION", HOSPITAL, number=1))
    block = shown(both, Wish(HOSPITAL, StatementKind.BLOCK))
    found = by_name(block)

    assert set(found) == {(HOSPITAL, "", "TREATMENT"), (DOCTOR.subject, HOSPITAL, "TREATMENT")}
    assert found[DOCTOR.subject, HOSPITAL, "TREATMENT"].lost == of(RESULT, LETTER, DIRECTIVES)
    assert {"10", "60"} <= {role for one in block.changes if one.name == HOSPITAL for role in one.roles}


def test_taking_an_authorisation_back_closes_and_the_last_reader_of_directives_is_warned_of() -> None:
    found = shown(AUTHORISED, TakingBack("s0"))

    assert by_name(found)[DOCTOR.subject, "", "TREATMENT"].lost == of(RESULT, LETTER, DIRECTIVES)
    assert found.closed_directives == of(DIRECTIVES)
    assert found.closed_in_emergency == ()
    two = record(statement("STANDING", DOCTOR.subject), statement("STANDING", CLINIC, number=1))
    assert shown(two, TakingBack("s0")).closed_directives == ()


def test_opposing_both_emergencies_warns_of_directives_that_close() -> None:
    found = shown(record(), Switches(dispatch=False, break_glass=False))

    assert found.closed_in_emergency == of(DIRECTIVES)
    assert found.closed_directives == (), "nobody read them outside an emergency"
    assert {(one.name, one.purpose) for one in found.changes} == {("", "BREAK_GLASS"), ("", "EMERGENCY_DISPATCH")}
    assert shown(record(), Switches(dispatch=False)).closed_in_emergency == ()


def test_accepting_masked_documents_opens_them_to_who_is_in_an_emergency_now() -> None:
    broken = replace(record(), episodes=(Episode("e", DOCTOR.subject, CLINIC, NOW, NOW + timedelta(hours=1)),))
    found = by_name(shown(broken, Switches(masked_documents=True)))

    assert found[DOCTOR.subject, CLINIC, "BREAK_GLASS"].gained == of(MASKED)
    assert found["", "", "BREAK_GLASS"].gained == of(MASKED)


def test_an_attending_physician_gains_what_is_masked_and_the_former_one_loses_it() -> None:
    consent = record(statement("STANDING", DOCTOR.subject), statement("STANDING", "professionals/a", number=1))
    attended = replace(consent, attending_physicians=(AttendingPhysician("professionals/a", is_confirmed=True),))
    found = by_name(shown(attended, Attending(DOCTOR.subject)))

    assert found[DOCTOR.subject, "", "TREATMENT"].gained == of(MASKED)
    assert found["professionals/a", "", "TREATMENT"].lost == of(MASKED)
    assert by_name(shown(attended, Attending("professionals/a", ends=True)))["professionals/a", "", "TREATMENT"].lost == of(MASKED)


def test_hiding_a_document_names_the_linked_one_that_stays_readable() -> None:
    same_act, elsewhere = Link(LETTER.name, RESULT.name, "SAME_ACT"), Link(MASKED.name, DIRECTIVES.name, "REFERENCES")
    hiding = Hiding(NamedHide(RESULT.name, DOCTOR.subject))
    (change,) = shown(AUTHORISED, hiding, (same_act, elsewhere)).changes

    assert change.lost == of(RESULT)
    assert [(one.link.linked, one.is_readable) for one in change.left_behind] == [(LETTER.name, True)]
    hidden = replace(AUTHORISED, hides=(NamedHide(RESULT.name, DOCTOR.subject), NamedHide(LETTER.name, DOCTOR.subject)))
    (change,) = shown(hidden, replace(hiding, takes_back=True), (same_act,)).changes
    assert change.gained == of(RESULT)
    assert [(one.link.linked, one.is_readable) for one in change.left_behind] == [(LETTER.name, False)]


def test_hiding_from_who_reads_by_his_structure_is_told_for_that_structure() -> None:
    found = by_name(shown(record(statement("STANDING", HOSPITAL)), Hiding(NamedHide(RESULT.name, DOCTOR.subject))))

    assert set(found) == {(DOCTOR.subject, HOSPITAL, "TREATMENT")}
    assert found[DOCTOR.subject, HOSPITAL, "TREATMENT"].lost == of(RESULT)
    both = record(statement("STANDING", HOSPITAL), statement("STANDING", DOCTOR.subject, number=1))
    assert set(by_name(shown(both, Hiding(NamedHide(RESULT.name, DOCTOR.subject))))) == {(DOCTOR.subject, "", "TREATMENT")}


def test_hiding_from_a_person_who_acts_for_the_holder_names_the_document() -> None:
    (change,) = shown(AUTHORISED, Hiding(NamedHide(RESULT.name, "patients/son"))).changes

    assert (change.name, change.lost, change.purpose) == ("patients/son", of(RESULT), "PATIENT_REQUEST")


def test_a_care_relation_opens_what_the_structure_deposited_without_an_author() -> None:
    """rules.md 5."""
    masked = replace(MASKED, depositor="", structure=HOSPITAL)
    after = record(statement("CARE_RELATION", NURSE))
    found = by_name(preview(Change(record(), after, Documents.of([masked]), ROLES, tables(), NOW)))

    assert found[NURSE, HOSPITAL, "TREATMENT"].gained == of(masked)
    assert (NURSE, "", "TREATMENT") not in found


@pytest.mark.parametrize(
    ("proposal", "reason"),
    [
        (TakingBack("none"), "NOT_FOUND"),
        (Switches(dispatch=False, break_glass=False, masked_documents=True), "SWITCH_DEPENDENCY"),
        (Wish(HOSPITAL, StatementKind.STANDING), "INVALID_FIELD"),
        (Hiding(NamedHide(RESULT.name, DOCTOR.subject), takes_back=True), "NOT_FOUND"),
        (Attending(NURSE, ends=True), "NOT_FOUND"),
    ],
)
def test_what_could_not_be_changed_is_refused_as_the_change_is(proposal: Proposal, reason: str) -> None:
    with pytest.raises(RuleBrokenError) as refused:
        proposed(AUTHORISED, HOLDER_ASKS, proposal, "10", NOW, Durations())
    assert refused.value.reason == reason


def test_every_professional_of_whom_something_is_stated_or_who_deposited_must_be_known() -> None:
    doctor = AttendingPhysician("professionals/a", is_confirmed=False)
    after = replace(AUTHORISED, hides=(NamedHide(RESULT.name, NURSE),), attending_physicians=(doctor,))

    assert set(known(AUTHORISED, after, Documents.of(()))) == {DOCTOR.subject, NURSE, "professionals/a"}
    assert set(known(AUTHORISED, AUTHORISED, Documents.of(ALL))) == {DOCTOR.subject, "professionals/other"}


def test_the_directory_is_asked_of_no_more_than_the_change_is_about() -> None:
    hidden, blocked = (replace(AUTHORISED, hides=(NamedHide(RESULT.name, NURSE),)), record(statement("BLOCK", HOSPITAL)))
    everybody = {DOCTOR.subject, "professionals/other"}

    assert asked_by_name(AUTHORISED, hidden, Documents.of([RESULT])) == (NURSE,)
    assert set(asked_by_name(AUTHORISED, blocked, Documents.of([RESULT]))) == everybody
    assert set(asked_by_name(AUTHORISED, hidden, Documents.of([RESULT, DIRECTIVES]))) == everybody | {NURSE}


def test_who_deposited_is_told_of_only_where_his_own_deposits_make_it_another_for_him() -> None:
    """rules.md 5: what he deposited is open to him whatever its label."""
    after = record(statement("STANDING", HOSPITAL))
    roles = {"professionals/author": "10", "professionals/masking": "10"}
    plain, masked = replace(RESULT, depositor="professionals/author"), replace(MASKED, depositor="professionals/masking")
    found = by_name(preview(Change(record(), after, Documents.of([plain, masked]), roles, tables(), NOW)))

    assert set(found) == {(HOSPITAL, "", "TREATMENT"), ("professionals/masking", HOSPITAL, "TREATMENT")}
    assert found[HOSPITAL, "", "TREATMENT"].gained == of(plain)
    assert found["professionals/masking", HOSPITAL, "TREATMENT"].gained == of(plain, masked)
