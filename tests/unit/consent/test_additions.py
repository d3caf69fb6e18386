"""Who is told that documents were added, and nobody of one that is hidden from him (rules.md 8, 12 and 14)."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from carnet_consent.domain.additions import Addition, in_the_window, notices_of_additions
from carnet_consent.domain.consent import AttendingPhysician, Consent, NamedHide, RecordState
from carnet_consent.domain.filter import DocumentFacts
from carnet_consent.domain.notice import Channel, Letter, Notice
from unit.consent.builders import CLINIC, HOLDER, HOSPITAL, NOW, RECORD, record, statement, tables

INES, ATTENDING, MOTHER = "professionals/ines", "professionals/attending", "patients/mother"
CARE = statement("STANDING", ATTENDING)
RELATED = replace(record(CARE), attending_physicians=(AttendingPhysician(ATTENDING, is_confirmed=True),))


def added(*labels: str, name: str = "d", by: str = INES, structure: str = HOSPITAL) -> Addition:
    """A consultation's report that was added."""
    author = by if by.startswith("professionals/") else ""
    return Addition(DocumentFacts(f"{RECORD}/documents/{name}", "10", "11488-4", labels, author, structure), by, NOW)


def told(*additions: Addition, consent: Consent = RELATED) -> list[tuple[str, bool]]:
    """Who is told, and whether representatives are with her."""
    return [(one.recipient, one.tells_representatives) for one in notices(additions, consent)]


def notices(additions: Iterable[Addition], consent: Consent = RELATED) -> tuple[Notice, ...]:
    """The notices."""
    return notices_of_additions(additions, consent, tables(), NOW)


def test_an_added_document_is_told_to_the_holder_with_who_represents_her_and_to_the_attending_physician() -> None:
    """domain.md 3.5."""
    hers, his = notices([added()])
    assert [(one.recipient, one.tells_representatives, one.letter) for one in (hers, his)] == [
        (HOLDER, True, Letter.NEW_CONTENT),
        (ATTENDING, False, None),
    ]
    assert (hers.actor, hers.place, hers.episode, hers.words) == (HOSPITAL, HOSPITAL, "", "")
    assert "documents/" not in repr(hers), "it names no document"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (("INVISIBLE_PATIENT",), [(ATTENDING, False)]),
        (("INVISIBLE_REPRESENTANTS_LEGAUX",), [(HOLDER, False), (ATTENDING, False)]),
        (("MASQUE_PS",), [(HOLDER, True), (ATTENDING, False)]),
        (("INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"), [(ATTENDING, False)]),
        (("A_LABEL_OF_LATER",), []),
    ],
)
def test_nobody_is_told_of_what_its_labels_hide_from_him(labels: tuple[str, ...], expected: list[tuple[str, bool]]) -> None:
    """rules.md 12 and 14; CSP R1111-49: what is masked from professionals the attending physician sees."""
    assert told(added(*labels)) == expected


def test_the_attending_physician_is_told_of_nothing_that_he_may_not_read() -> None:
    """rules.md 8: a named hide, a block, no consent, a closed record, or no more than a declaration of his own."""
    hidden = replace(RELATED, hides=(NamedHide(f"{RECORD}/documents/d", ATTENDING),))
    assert told(added(), consent=hidden) == [(HOLDER, True)]
    assert told(added(), added(name="e"), consent=hidden) == [(HOLDER, True), (ATTENDING, False)], "of the other one he is"
    pending = replace(RELATED, attending_physicians=(AttendingPhysician(ATTENDING, is_confirmed=False),))
    without = replace(RELATED, statements=(), attending_physicians=pending.attending_physicians)
    blocked = replace(RELATED, statements=(CARE, statement("BLOCK", ATTENDING, number=1)))
    for consent in (pending, without, blocked, replace(RELATED, state=RecordState.CLOSED)):
        assert told(added(), consent=consent) == [(HOLDER, True)]


def test_what_is_hidden_from_a_representative_by_name_is_told_to_none() -> None:
    """rules.md 13."""
    hidden = replace(RELATED, hides=(NamedHide(f"{RECORD}/documents/d", MOTHER),))
    assert told(added(), consent=hidden)[0] == (HOLDER, False)


def test_nobody_is_told_of_what_he_deposited_himself() -> None:
    assert told(added(by=HOLDER, structure="")) == [(ATTENDING, False)]
    assert told(added(by=ATTENDING)) == [(HOLDER, True)]
    assert told(added(by=MOTHER, structure="")) == [(HOLDER, True), (ATTENDING, False)]


def test_a_thousand_documents_of_a_hospital_are_one_notice_each_and_those_of_another_place_another() -> None:
    many = [added(name=f"d{number}") for number in range(1000)]
    assert told(*many) == [(HOLDER, True), (ATTENDING, False)]
    assert [one.place for one in notices([*many, added(name="c", structure=CLINIC)])] == [HOSPITAL, HOSPITAL, CLINIC, CLINIC]


def test_what_representatives_are_not_told_is_a_notice_of_its_own() -> None:
    """rules.md 12: the secret one neither tells them nor takes from them the other."""
    secret, other = added("INVISIBLE_REPRESENTANTS_LEGAUX"), added(name="e")
    both = [one for one in notices([secret, other]) if one.recipient == HOLDER]
    assert [one.tells_representatives for one in both] == [False, True]
    assert len({in_the_window(one, NOW, is_first=True).key for one in both}) == 2


def test_within_a_stretch_of_time_the_first_and_the_rest_are_told_apart_and_each_once() -> None:
    first, later = notices([added()])[0], notices([replace(added(name="e"), time=NOW + timedelta(minutes=3))])[0]
    assert in_the_window(first, NOW, is_first=True).key == in_the_window(later, NOW, is_first=True).key
    starts = (NOW, NOW + timedelta(hours=1))
    assert len({in_the_window(first, start, is_first=is_first).key for start in starts for is_first in (True, False)}) == 4


def test_its_letters_can_be_switched_off_by_channel() -> None:
    muted = replace(RELATED, muted_letters=("DOCUMENTS_ADDED",))
    assert notices([added()], muted)[0].channels == (Channel.PUSH,)
    assert notices([added()], replace(muted, muted_pushes=("DOCUMENTS_ADDED",)))[0].letter is None
