"""What changes a registered person, as functions from person to person (domain.md 1.1; rules.md 17)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.identity_evidence import NO_EVIDENCE, IdentityEvidence, IdentityPaper
from carnet_identity.domain.identity_status import IdentityAttribute, IdentityStatus, is_open_to, kept_evidence
from carnet_identity.domain.ins import NIR_DEMONSTRATION, NIR_TEST, Ins
from carnet_identity.domain.patient import Patient
from carnet_identity.domain.patient_changes import MOST_FORMER, alive, deceased, updated, with_ins, with_status
from carnet_identity.domain.traits import Sex
from hypothesis import given
from hypothesis import strategies as st
from support.dominique import TRAITS

P, R, V, Q = IdentityStatus.PROVISIONAL, IdentityStatus.RETRIEVED, IdentityStatus.VALIDATED, IdentityStatus.QUALIFIED
DOUBTFUL, FICTITIOUS, HOMONYM = IdentityAttribute.DOUBTFUL, IdentityAttribute.FICTITIOUS, IdentityAttribute.HOMONYM
THEN = datetime(2026, 1, 10, 9, tzinfo=UTC)
NOW = THEN + timedelta(days=50)


def evidence_of(time: datetime) -> IdentityEvidence:
    return IdentityEvidence(insi_call_time=time, paper=IdentityPaper.NATIONAL_CARD, paper_check_time=time)


NEW_INS, OTHER_INS = Ins("279035121518893", NIR_TEST), Ins("279035121518797", NIR_TEST)
ANOTHER_TRAIT: dict[str, object] = {
    "birth_family_name": "PAT",
    "first_given_name": "DOM",
    "given_names": "DOMINIQUE",
    "birth_date": "19790300",
    "sex": Sex.UNKNOWN,
    "birth_place": "2A004",
}


def person(status: IdentityStatus = Q) -> Patient:
    return Patient(
        id="a" * 26,
        ins=Ins("279035121518989", NIR_TEST),
        ins_time=THEN,
        traits=TRAITS,
        status=status,
        evidence=kept_evidence(evidence_of(THEN), status),
    )


def refusal(change: object) -> tuple[str, str]:
    with pytest.raises(BrokenRule) as refused:
        change()  # type: ignore[operator]
    return refused.value.reason, refused.value.field


@pytest.mark.parametrize("status", list(IdentityStatus))
def test_names_in_use_and_residence_change_without_evidence(status: IdentityStatus) -> None:
    """TD1.3; the used names are complementary traits (domain.md 1.1)."""
    traits = replace(TRAITS, used_family_name="DUPONT", used_given_name="DOM")
    changed = updated(person(status), traits, "33063", NO_EVIDENCE)
    assert changed == replace(person(status), traits=traits, residence_commune="33063")
    assert updated(changed, TRAITS, "", NO_EVIDENCE) == person(status)


@pytest.mark.parametrize("trait", ANOTHER_TRAIT)
@pytest.mark.parametrize("status", [V, Q])
def test_a_strict_trait_of_a_verified_identity_changes_with_new_evidence_only(status: IdentityStatus, trait: str) -> None:
    """RNIV: a status stands for the traits that were verified."""
    traits = replace(TRAITS, **{trait: ANOTHER_TRAIT[trait]})  # type: ignore[arg-type]
    field = "paper" if status is V else "insi_call_time"
    assert refusal(lambda: updated(person(status), traits, "", NO_EVIDENCE)) == ("IDENTITY_EVIDENCE_REQUIRED", f"identity_evidence.{field}")
    older = refusal(lambda: updated(person(status), traits, "", evidence_of(THEN)))
    assert older == ("IDENTITY_EVIDENCE_REQUIRED", f"identity_evidence.{'paper_check_time' if status is V else 'insi_call_time'}")
    changed = updated(person(status), traits, "", evidence_of(NOW))
    assert changed == replace(person(status), traits=traits, evidence=kept_evidence(evidence_of(NOW), status))


def test_half_of_the_evidence_changes_no_qualified_identity() -> None:
    traits = replace(TRAITS, birth_family_name="PAT")
    call = IdentityEvidence(insi_call_time=NOW)
    assert refusal(lambda: updated(person(), traits, "", call)) == ("IDENTITY_EVIDENCE_REQUIRED", "identity_evidence.paper")
    old_paper = replace(evidence_of(THEN), insi_call_time=NOW)
    assert refusal(lambda: updated(person(), traits, "", old_paper))[1] == "identity_evidence.paper_check_time"


def test_a_retrieved_identity_whose_traits_no_call_gave_is_provisional() -> None:
    traits = replace(TRAITS, birth_family_name="PAT")
    assert updated(person(R), traits, "", NO_EVIDENCE) == replace(person(P), traits=traits)
    call = IdentityEvidence(insi_call_time=NOW)
    assert updated(person(R), traits, "", call) == replace(person(R), traits=traits, evidence=call)
    assert updated(person(P), traits, "", NO_EVIDENCE) == replace(person(P), traits=traits)


@pytest.mark.parametrize(
    ("held", "wanted"), [(P, R), (P, V), (P, Q), (R, V), (R, Q), (V, R), (V, Q)], ids=lambda status: str(getattr(status, "name", status))
)
def test_a_status_is_raised_on_all_that_it_rests_on(held: IdentityStatus, wanted: IdentityStatus) -> None:
    assert refusal(lambda: with_status(person(held), wanted, set(), NO_EVIDENCE))[0] == "IDENTITY_EVIDENCE_REQUIRED"
    raised = with_status(person(held), wanted, set(), evidence_of(NOW))
    assert (raised.status, raised.evidence) == (wanted, kept_evidence(evidence_of(NOW), wanted))


@pytest.mark.parametrize(("held", "wanted"), [(R, P), (V, P), (Q, P), (Q, R), (Q, V)])
def test_a_doubt_lowers_a_status_at_once_and_what_is_left_keeps_its_evidence(held: IdentityStatus, wanted: IdentityStatus) -> None:
    assert with_status(person(held), wanted, set(), NO_EVIDENCE) == person(wanted)


@pytest.mark.parametrize("mark", [DOUBTFUL, FICTITIOUS])
def test_marking_lowers_and_nothing_raises_until_the_mark_is_gone(mark: IdentityAttribute) -> None:
    """RNIV (domain.md 1.1): a doubtful or fictitious identity is neither validated nor qualified."""
    marked = with_status(person(Q), Q, {mark}, NO_EVIDENCE)
    assert marked == replace(person(R), attributes=frozenset({mark}))
    assert with_status(person(V), V, {mark}, NO_EVIDENCE) == replace(person(P), attributes=frozenset({mark}))
    for wanted in (V, Q):
        assert refusal(lambda wanted=wanted: with_status(marked, wanted, {mark}, evidence_of(NOW))) == ("INVALID_FIELD", "identity_status")
    assert with_status(marked, Q, set(), evidence_of(NOW)) == replace(person(Q), evidence=evidence_of(NOW))


def test_a_homonym_is_told_and_keeps_its_status() -> None:
    assert with_status(person(Q), Q, {HOMONYM}, NO_EVIDENCE) == replace(person(Q), attributes=frozenset({HOMONYM}))


@given(
    held=st.sampled_from(IdentityStatus),
    steps=st.lists(st.tuples(st.sampled_from(IdentityStatus), st.sets(st.sampled_from(IdentityAttribute)), st.booleans()), max_size=8),
)
def test_no_sequence_of_changes_leaves_a_status_without_its_evidence(
    held: IdentityStatus, steps: list[tuple[IdentityStatus, set[IdentityAttribute], bool]]
) -> None:
    """RNIV: what is asked and what is sent may be anything."""
    patient = person(held)
    for number, (wanted, marks, is_shown) in enumerate(steps):
        sent = evidence_of(NOW + timedelta(days=number)) if is_shown else NO_EVIDENCE
        try:
            patient = with_status(patient, wanted, marks, sent)
        except BrokenRule:
            continue
        assert is_open_to(patient.status, patient.attributes)
        full = patient.evidence
        assert (full.insi_call_time is not None) == (patient.status in {R, Q})
        assert (full.paper is not None) == (full.paper_check_time is not None) == (patient.status in {V, Q})


def test_another_ins_makes_the_present_one_history() -> None:
    """domain.md 1.1: a patient record holds a list of (INS, OID, from, to)."""
    call = IdentityEvidence(insi_call_time=NOW)
    changed = with_ins(person(), NEW_INS, call, NOW)
    assert (changed.ins, changed.ins_time, changed.status) == (NEW_INS, NOW, Q)
    assert [(one.ins, one.begin_time, one.end_time) for one in changed.former] == [(person().ins, THEN, NOW)]
    assert changed.evidence == replace(evidence_of(THEN), insi_call_time=NOW)
    later = NOW + timedelta(days=1)
    again = with_ins(changed, OTHER_INS, evidence_of(later), later)
    assert [one.ins for one in again.former] == [person().ins, NEW_INS]
    assert again.evidence == evidence_of(later)
    assert again.every_ins == (OTHER_INS, person().ins, NEW_INS)


def test_the_same_digits_of_another_authority_are_another_ins() -> None:
    """The NIR after an NIA may have other digits or the same."""
    same = Ins(person().ins.value, NIR_DEMONSTRATION)
    assert with_ins(person(), same, evidence_of(NOW), NOW).former[0].ins == person().ins


def test_an_ins_needs_a_new_call_of_insi_and_is_neither_the_present_nor_a_former_one() -> None:
    call = IdentityEvidence(insi_call_time=NOW)
    changed = with_ins(person(), NEW_INS, call, NOW)
    assert refusal(lambda: with_ins(person(), person().ins, call, NOW)) == ("INVALID_FIELD", "ins")
    assert refusal(lambda: with_ins(changed, person().ins, evidence_of(NOW + timedelta(days=1)), NOW)) == ("INS_TAKEN", "ins")
    for sent in (NO_EVIDENCE, IdentityEvidence(paper=IdentityPaper.PASSPORT, paper_check_time=NOW), evidence_of(THEN)):
        told = refusal(lambda sent=sent: with_ins(person(), NEW_INS, sent, NOW))
        assert told == ("IDENTITY_EVIDENCE_REQUIRED", "identity_evidence.insi_call_time")


def test_a_provisional_identity_stays_so_under_another_ins() -> None:
    changed = with_ins(person(P), NEW_INS, evidence_of(NOW), NOW)
    assert (changed.status, changed.evidence) == (P, NO_EVIDENCE)


def test_history_is_bounded() -> None:
    patient = person(P)
    for number in range(MOST_FORMER):
        patient = with_ins(patient, Ins(f"{number:015d}", NIR_TEST), evidence_of(NOW), NOW)
    assert refusal(lambda: with_ins(patient, NEW_INS, evidence_of(NOW), NOW)) == ("STATE_FORBIDS", "ins")


def test_a_death_is_stated_once_with_its_evidence_and_taken_back() -> None:
    """rules.md 17."""
    dead = deceased(person(), "20260120", "death certificate no. 12, Bordeaux", NOW)
    assert dead.is_deceased
    assert dead.death is not None
    assert (dead.death.death_date, dead.death.record_time) == ("20260120", NOW)
    assert "Bordeaux" not in repr(dead.death)
    assert refusal(lambda: deceased(dead, "20260120", "again", NOW)) == ("PERSON_DECEASED", "patient")
    assert alive(dead) == person()
    assert refusal(lambda: alive(person())) == ("STATE_FORBIDS", "patient")


@pytest.mark.parametrize("date", ["20260120", "20260100", "20260000", "19790328", "19790300", "19790000", "20260301"])
def test_a_date_of_death_may_be_known_in_part(date: str) -> None:
    assert deceased(person(), date, "seen", NOW).is_deceased


@pytest.mark.parametrize("date", ["", "2026", "20260230", "20261301", "20270101", "19790327", "19790228", "19780000", "19790200"])
def test_a_date_of_death_that_cannot_be_is_refused(date: str) -> None:
    assert refusal(lambda: deceased(person(), date, "seen", NOW)) == ("INVALID_FIELD", "death_date")


def test_an_etag_stands_for_one_version_of_one_person() -> None:
    assert person().etag == person().etag
    assert len({person().etag, replace(person(), revision=2).etag, replace(person(), id="b" * 26).etag}) == 3
