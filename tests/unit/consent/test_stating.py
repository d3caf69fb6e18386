"""What is stated: its end, what gives way to it, and how much a record holds."""

from dataclasses import replace
from datetime import timedelta

import pytest
from carnet_consent.domain.attending import declare, end_attending
from carnet_consent.domain.consent import AttendingPhysician, Consent, StatementKind
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.stating import Durations, Wish, state, take_back
from unit.consent.builders import DOCTOR, HOLDER_ASKS, HOSPITAL, NOW, record, statement

LASTS = Durations()


def stated(consent: Consent, wish: Wish) -> Consent:
    return state(consent, HOLDER_ASKS, wish, NOW, LASTS, statement_id="new")[0]


@pytest.mark.parametrize(
    ("kind", "lasts"),
    [
        (StatementKind.SINGLE_CONSULTATION, timedelta(hours=24)),
        (StatementKind.STANDING, timedelta(days=365)),
        (StatementKind.CARE_RELATION, timedelta(days=365)),
        (StatementKind.BLOCK, None),
    ],
)
def test_what_is_stated_without_an_end_lasts_as_the_rules_say(kind: StatementKind, lasts: timedelta | None) -> None:
    """rules.md 3."""
    _, made = state(record(), HOLDER_ASKS, Wish(DOCTOR.subject, kind), NOW, LASTS, statement_id="new")

    assert made.end == (None if lasts is None else NOW + lasts)
    assert made.stated_by == HOLDER_ASKS.subject


@pytest.mark.parametrize("end", [NOW, NOW - timedelta(days=1), NOW + timedelta(hours=25)])
def test_an_end_past_or_beyond_one_consultation_is_refused(end: object) -> None:
    with pytest.raises(RuleBrokenError) as broken:
        stated(record(), Wish(DOCTOR.subject, StatementKind.SINGLE_CONSULTATION, end))  # type: ignore[arg-type]  # of the table

    assert broken.value.field == "authorisation.end_time"


def test_a_structure_needs_an_end_but_for_a_block() -> None:
    with pytest.raises(RuleBrokenError):
        stated(record(), Wish(HOSPITAL, StatementKind.CARE_RELATION))

    assert stated(record(), Wish(HOSPITAL, StatementKind.BLOCK)).statements[0].end is None


def test_a_block_takes_the_authorisations_of_its_grantee_away_and_nobody_elses() -> None:
    others = statement("STANDING", "professionals/other", number=2)
    consent = record(statement("STANDING", DOCTOR.subject), statement("CARE_RELATION", DOCTOR.subject, number=1), others)

    blocked = stated(consent, Wish(DOCTOR.subject, StatementKind.BLOCK))
    unblocked, _ = take_back(blocked, HOLDER_ASKS, "new", NOW)

    assert [one.kind for one in blocked.statements] == [StatementKind.STANDING, StatementKind.BLOCK]
    assert unblocked.statements == (others,)


def test_a_new_statement_takes_the_place_of_the_earlier_of_its_kind() -> None:
    consent = record(statement("STANDING", DOCTOR.subject), statement("CARE_RELATION", DOCTOR.subject, number=1))

    assert [one.id for one in stated(consent, Wish(DOCTOR.subject, StatementKind.STANDING)).statements] == ["s1", "new"]


def test_a_full_record_forgets_what_has_ended_and_then_refuses() -> None:
    few = replace(LASTS, most_statements=2)
    full = record(statement("STANDING", "professionals/x"), statement("STANDING", "professionals/y", has_ended=True, number=1))
    wish = Wish(DOCTOR.subject, StatementKind.STANDING)

    once, _ = state(full, HOLDER_ASKS, wish, NOW, few, statement_id="new")

    assert [one.id for one in once.statements] == ["s0", "new"]
    with pytest.raises(RuleBrokenError):
        state(once, HOLDER_ASKS, replace(wish, grantee="professionals/z"), NOW, few, statement_id="more")


COLLEAGUE = "professionals/colleague"
FOR_COLLEAGUE = Wish(COLLEAGUE, StatementKind.STANDING, is_for_another=True)
BLOCK_COLLEAGUE = Wish(COLLEAGUE, StatementKind.BLOCK, motive="She asked me to, on the telephone")


def by_doctor(consent: Consent, wish: Wish) -> Consent:
    return state(consent, DOCTOR, wish, NOW, LASTS, statement_id="new")[0]


def attended(*, is_confirmed: bool = True) -> Consent:
    attending = (AttendingPhysician(DOCTOR.subject, is_confirmed=is_confirmed),)
    return replace(
        record(statement("STANDING", DOCTOR.subject), statement("STANDING", COLLEAGUE, number=1)), attending_physicians=attending
    )


def test_an_authorised_professional_states_what_he_collected_for_another() -> None:
    """CSP L1111-17 II."""
    made = by_doctor(record(statement("CARE_RELATION", DOCTOR.subject)), FOR_COLLEAGUE).statements[-1]

    assert (made.grantee, made.stated_by, made.end) == (COLLEAGUE, DOCTOR.subject, NOW + LASTS.standing)


@pytest.mark.parametrize(
    ("consent", "wish", "reason"),
    [
        (record(), FOR_COLLEAGUE, "NEEDS_CONSENT"),
        (record(statement("BLOCK", DOCTOR.subject)), FOR_COLLEAGUE, "BLOCKED"),
        (record(statement("STANDING", DOCTOR.subject)), replace(FOR_COLLEAGUE, is_for_another=False), "ROLE_NOT_ALLOWED"),
        (record(statement("STANDING", DOCTOR.subject)), replace(FOR_COLLEAGUE, kind=StatementKind.CARE_RELATION), "INVALID_FIELD"),
        (record(statement("STANDING", DOCTOR.subject)), replace(FOR_COLLEAGUE, grantee=HOSPITAL), "INVALID_FIELD"),
        (record(statement("STANDING", DOCTOR.subject), statement("BLOCK", COLLEAGUE, number=1)), FOR_COLLEAGUE, "STATE_FORBIDS"),
        (record(statement("STANDING", DOCTOR.subject)), BLOCK_COLLEAGUE, "ROLE_NOT_ALLOWED"),
        (attended(is_confirmed=False), BLOCK_COLLEAGUE, "ROLE_NOT_ALLOWED"),
        (attended(), replace(BLOCK_COLLEAGUE, grantee=HOSPITAL), "ROLE_NOT_ALLOWED"),
        (attended(), replace(BLOCK_COLLEAGUE, grantee=DOCTOR.subject), "ROLE_NOT_ALLOWED"),
        (attended(), replace(BLOCK_COLLEAGUE, motive=" . "), "INVALID_FIELD"),
    ],
)
def test_what_a_professional_may_not_state_about_another_is_refused(consent: Consent, wish: Wish, reason: str) -> None:
    with pytest.raises(RuleBrokenError) as broken:
        by_doctor(consent, wish)

    assert broken.value.reason == reason


def test_the_confirmed_attending_physician_blocks_on_request_and_the_person_alone_unblocks() -> None:
    """domain.md 1.3, 3.2."""
    blocked = by_doctor(attended(), BLOCK_COLLEAGUE)

    assert [one.kind for one in blocked.in_force_about(COLLEAGUE, NOW)] == [StatementKind.BLOCK]
    for somebody in (DOCTOR, replace(DOCTOR, subject=COLLEAGUE)):
        with pytest.raises(RuleBrokenError):
            take_back(blocked, somebody, "new", NOW)
    assert not take_back(blocked, HOLDER_ASKS, "new", NOW)[0].in_force_about(COLLEAGUE, NOW)


@pytest.mark.parametrize(
    ("authorise", "attending", "has_access", "is_attending"),
    [(True, False, True, False), (True, True, True, True), (False, False, False, False), (False, True, True, False)],
)
def test_the_four_combinations_of_td_0_3_have_their_equivalents(
    authorise: bool,  # noqa: FBT001 -- a table
    attending: bool,  # noqa: FBT001
    has_access: bool,  # noqa: FBT001
    is_attending: bool,  # noqa: FBT001
) -> None:
    """domain.md 3.2: add; add and become; remove; stop being, keep access. He is pending until the person confirms (rules.md 4)."""
    if authorise:
        consent = by_doctor(record(), Wish(DOCTOR.subject, StatementKind.STANDING))
        consent = declare(consent, DOCTOR, DOCTOR.subject, "10", NOW)[0] if attending else consent
    elif attending:
        consent = end_attending(attended(), DOCTOR, DOCTOR.subject)
    else:
        consent, _ = take_back(record(statement("STANDING", DOCTOR.subject)), DOCTOR, "s0", NOW)

    assert bool(consent.in_force_about(DOCTOR.subject, NOW)) == has_access
    assert (DOCTOR.subject in {one.professional for one in consent.attending_physicians}) == is_attending
