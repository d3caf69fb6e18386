"""Whose notices a user reads, and of which letters are wanted."""

from dataclasses import replace
from datetime import timedelta

import pytest
from carnet_consent.domain.asker import Asker
from carnet_consent.domain.inbox import Inbox, inbox_of
from carnet_consent.domain.mandate import Mandate, MandateKind
from carnet_consent.domain.notice import NoticeKind
from carnet_consent.domain.notice_preferences import set_letters, wants_letters
from carnet_consent.domain.notice_words import Voice
from carnet_consent.domain.refusal import RuleBrokenError
from unit.consent.builders import DOCTOR, HOLDER, HOLDER_ASKS, NOW, record

CHILD = Mandate("mandates/m", HOLDER, MandateKind.MINOR_REPRESENTATION, NOW + timedelta(hours=1), hidden_structures=("structures/hidden",))
MOTHER = Asker("patients/mother", "REPRESENTATIVE", "", "PATIENT_REQUEST", mandate=CHILD)


def test_a_person_and_a_professional_read_their_own() -> None:
    assert inbox_of(HOLDER_ASKS, NOW) == Inbox(HOLDER, HOLDER, Voice.HOLDER)
    assert inbox_of(DOCTOR, NOW) == Inbox(DOCTOR.subject, DOCTOR.subject, Voice.PROFESSIONAL)


@pytest.mark.parametrize("kind", [MandateKind.MINOR_REPRESENTATION, MandateKind.ADULT_REPRESENTATION])
def test_a_representative_reads_the_persons_without_the_hidden_places(kind: MandateKind) -> None:
    """rules.md 12."""
    inbox = inbox_of(replace(MOTHER, mandate=replace(CHILD, kind=kind)), NOW)
    assert inbox == Inbox(HOLDER, "patients/mother", Voice.REPRESENTATIVE, ("structures/hidden",))
    assert inbox.is_represented


@pytest.mark.parametrize(
    ("asker", "reason"),
    [
        (replace(MOTHER, mandate=replace(CHILD, kind=MandateKind.CAREGIVING)), "ROLE_NOT_ALLOWED"),
        (replace(MOTHER, mandate=None), "MANDATE_NOT_IN_FORCE"),
        (replace(MOTHER, mandate=replace(CHILD, end=NOW)), "MANDATE_NOT_IN_FORCE"),
        (replace(HOLDER_ASKS, purpose="TREATMENT"), "ROLE_NOT_ALLOWED"),
        (replace(DOCTOR, purpose="BREAK_GLASS"), "ROLE_NOT_ALLOWED"),
        (replace(DOCTOR, subject="structures/hospital", role="STRUCTURE"), "ROLE_NOT_ALLOWED"),
        (Asker("operators/doris", "OPERATOR", "", "OPERATIONS"), "ROLE_NOT_ALLOWED"),
    ],
)
def test_everybody_else_is_refused(asker: Asker, reason: str) -> None:
    with pytest.raises(RuleBrokenError) as refused:
        inbox_of(asker, NOW)
    assert refused.value.reason == reason


def test_letters_are_wanted_until_the_holder_says_otherwise_and_again_when_she_wants_them() -> None:
    consent = record()
    assert all(wants_letters(consent).values())
    muted = set_letters(consent, HOLDER_ASKS, {NoticeKind.ATTENDING_PHYSICIAN: False})
    assert [kind for kind, is_on in wants_letters(muted).items() if not is_on] == [NoticeKind.ATTENDING_PHYSICIAN]
    assert set_letters(muted, HOLDER_ASKS, {NoticeKind.ATTENDING_PHYSICIAN: True}) == consent


@pytest.mark.parametrize("kind", [NoticeKind.EMERGENCY_ACCESS, NoticeKind.EMERGENCY_NEWS, NoticeKind.RECORD_STATE])
def test_what_must_reach_her_cannot_be_switched_off(kind: NoticeKind) -> None:
    """CSP R1111-48."""
    with pytest.raises(RuleBrokenError) as refused:
        set_letters(record(), HOLDER_ASKS, {kind: False})
    assert (refused.value.reason, refused.value.field) == ("INVALID_FIELD", "preferences")
    assert set_letters(record(), HOLDER_ASKS, {kind: True}) == record()


def test_nobody_but_the_holder_and_a_minors_representative_says_which_letters_are_sent() -> None:
    wishes = {NoticeKind.ATTENDING_PHYSICIAN: False}
    assert set_letters(record(), MOTHER, wishes).muted_letters
    adult = replace(MOTHER, mandate=replace(CHILD, kind=MandateKind.ADULT_REPRESENTATION))
    for asker in (DOCTOR, adult, replace(HOLDER_ASKS, subject="patients/other")):
        with pytest.raises(RuleBrokenError):
            set_letters(record(), asker, wishes)
