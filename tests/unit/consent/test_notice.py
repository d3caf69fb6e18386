"""Who is told what: each rule of notices, by event, and who is told nothing."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from carnet_consent.domain.consent import AttendingPhysician, Consent, Episode, Evidence, RecordState
from carnet_consent.domain.notice import (
    ALWAYS_MAILED,
    TOLD,
    Access,
    Audience,
    Channel,
    Fact,
    Letter,
    Notice,
    NoticeKind,
    notices_of,
    notices_of_access,
)
from carnet_consent.usecases.events import KINDS

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOLDER, EMERGENCY, ATTENDING, NEXT = "patients/holder", "professionals/emergency", "professionals/attending", "professionals/next"
RECORD = Consent(
    "records/r", HOLDER, RecordState.ACTIVE, 3, NOW, Evidence("form", "v1", "signed", EMERGENCY, NOW),
    attending_physicians=(AttendingPhysician(ATTENDING, is_confirmed=True),),
    episodes=(Episode("e", EMERGENCY, "structures/hospital", NOW, NOW),),
)  # fmt: skip
BROKEN = Fact("emergency.opened", 3, NOW, EMERGENCY, "structures/hospital", episode="records/r/emergencyEpisodes/e", words="coma")


def told(fact: Fact, before: Consent = RECORD, after: Consent = RECORD) -> dict[str, Notice]:
    """The notices by recipient."""
    found = notices_of(fact, before, after)
    assert len({notice.recipient for notice in found}) == len(found), "each once"
    return {notice.recipient: notice for notice in found}


def test_an_emergency_is_told_to_the_holder_and_the_confirmed_attending_physician() -> None:
    """CSP R1111-48."""
    notices = told(BROKEN)
    assert set(notices) == {HOLDER, ATTENDING}
    hers, his = notices[HOLDER], notices[ATTENDING]
    assert (hers.letter, hers.words, hers.tells_representatives) == (Letter.EXCEPTIONAL_ACCESS, "coma", True)
    assert (his.letter, his.words, his.tells_representatives) == (None, "", False), "his inbox alone, and not her reason"
    assert hers.key != his.key


def test_a_doctor_who_only_says_to_be_attending_physician_is_told_of_no_emergency() -> None:
    """rules.md 4."""
    pending = replace(RECORD, attending_physicians=(AttendingPhysician(ATTENDING, is_confirmed=False),))
    assert set(told(BROKEN, pending, pending)) == {HOLDER}


def test_nobody_is_told_of_what_he_did_himself() -> None:
    assert set(told(replace(BROKEN, actor=ATTENDING))) == {HOLDER}
    ended = Fact("attending_physician.ended", 3, NOW, HOLDER, concerned=ATTENDING)
    assert set(told(ended, RECORD, replace(RECORD, attending_physicians=()))) == {ATTENDING}


def test_joining_an_emergency_and_its_end_are_read_in_the_inbox_and_send_no_second_letter() -> None:
    for event in ("emergency.joined", "emergency.ended"):
        notices = told(replace(BROKEN, event=event))
        assert {name: notice.letter for name, notice in notices.items()} == {HOLDER: None, ATTENDING: None}


def test_a_doctor_who_declares_himself_is_told_to_the_holder_at_once() -> None:
    """rules.md 4."""
    notices = told(Fact("attending_physician.declared", 3, NOW, NEXT, "structures/practice", concerned=NEXT))
    assert (set(notices), notices[HOLDER].letter) == ({HOLDER, ATTENDING}, Letter.ACCESS_CHANGED)


def test_on_a_change_of_attending_physician_the_former_the_new_and_the_holder_are_told() -> None:
    """rules.md 4: the former one loses it that second."""
    after = replace(RECORD, attending_physicians=(AttendingPhysician(NEXT, is_confirmed=True),))
    by_holder = told(Fact("attending_physician.confirmed", 3, NOW, HOLDER, concerned=NEXT), RECORD, after)
    assert set(by_holder) == {ATTENDING, NEXT}
    by_mother = told(Fact("attending_physician.confirmed", 3, NOW, "patients/mother", concerned=NEXT), RECORD, after)
    assert set(by_mother) == {HOLDER, ATTENDING, NEXT}, "what is done for her is told to her"


def test_the_review_of_an_emergency_is_told_as_of_the_place_where_it_was() -> None:
    """rules.md 12: an officer reviews it elsewhere, and the place may be hidden from a representative."""
    reviewed = Fact("emergency.reviewed", 4, NOW, "operators/doris", concerned=EMERGENCY, episode=BROKEN.episode, words="justified")
    notices = told(reviewed)
    assert set(notices) == {HOLDER, ATTENDING, EMERGENCY}
    assert (notices[HOLDER].place, notices[HOLDER].tells_representatives) == ("structures/hospital", True)
    assert notices[HOLDER].letter is Letter.EXCEPTIONAL_ACCESS_NEWS
    forgotten = replace(RECORD, episodes=())
    assert not told(reviewed, forgotten, forgotten)[HOLDER].tells_representatives, "nobody knows where it was"


def test_a_letter_that_she_switched_off_is_not_sent_and_the_inbox_tells_all_the_same() -> None:
    muted = replace(RECORD, muted_letters=tuple(NoticeKind), muted_pushes=tuple(NoticeKind))
    declared = Fact("attending_physician.declared", 3, NOW, NEXT, "structures/practice", concerned=NEXT)
    assert told(declared, muted, muted)[HOLDER].letter is None
    emergency = told(BROKEN, muted, muted)[HOLDER]
    assert (emergency.letter, emergency.channels) == (Letter.EXCEPTIONAL_ACCESS, tuple(Channel)), "an emergency cannot be switched off"


@pytest.mark.parametrize(("muted", "left"), [("muted_letters", Channel.PUSH), ("muted_pushes", Channel.EMAIL)])
def test_letters_and_devices_are_switched_off_apart(muted: str, left: Channel) -> None:
    record = replace(RECORD, **{muted: ("ATTENDING_PHYSICIAN",)})  # type: ignore[arg-type]
    notice = told(Fact("attending_physician.declared", 3, NOW, NEXT, "structures/practice", concerned=NEXT), record, record)[HOLDER]
    assert (notice.letter, notice.channels) == (Letter.ACCESS_CHANGED, (left,))


def test_an_announced_closing_or_opening_is_told_by_letter_so_that_it_can_be_opposed() -> None:
    """CSP R1111-28; rules.md 15."""
    for event in ("record.closing_announced", "record.opening_announced"):
        assert told(Fact(event, 3, NOW, EMERGENCY, "structures/hospital"))[HOLDER].letter is Letter.SPACE_CHANGED


def test_what_stands_in_no_rule_is_told_to_nobody() -> None:
    assert told(Fact("document.hidden", 3, NOW, EMERGENCY)) == {}


def test_every_rule_is_about_an_event_that_there_is() -> None:
    assert set(TOLD) <= KINDS


@pytest.mark.parametrize("event", sorted(TOLD))
def test_every_rule_tells_the_holder_and_gives_its_source(event: str) -> None:
    rule = TOLD[event]
    assert Audience.HOLDER in rule.audiences
    assert rule.source


def test_an_emergency_is_always_told_by_letter() -> None:
    """CSP R1111-48; domain.md 3.5."""
    assert NoticeKind.EMERGENCY_ACCESS in ALWAYS_MAILED


def test_a_first_access_is_told_to_the_holder_alone_and_the_centre_15_as_an_emergency() -> None:
    """domain.md 3.3 and 3.5; rules.md 12: to representatives a minor's secret consultation looks like any other, so none is told."""
    first = notices_of_access(Access("TREATMENT", EMERGENCY, "structures/hospital", "", NOW), RECORD)
    assert [(n.recipient, n.letter, n.tells_representatives) for n in first] == [(HOLDER, Letter.NEW_ACCESS, False)]
    calls = [notices_of_access(Access("EMERGENCY_DISPATCH", EMERGENCY, "structures/samu", call, NOW), RECORD) for call in ("s/1", "s/2")]
    assert [notice.recipient for notice in calls[0]] == [HOLDER, ATTENDING]
    assert calls[0][0].letter is Letter.EXCEPTIONAL_ACCESS
    assert len({notice.key for call in calls for notice in call}) == 4, "each is told"


def test_one_professional_is_new_once_and_another_is_told_as_well() -> None:
    again, other = (Access("TREATMENT", who, "structures/elsewhere", "", NOW) for who in (EMERGENCY, NEXT))
    keys = {
        notice.key for access in (again, other, replace(again, time=NOW.replace(year=2027))) for notice in notices_of_access(access, RECORD)
    }
    assert len(keys) == 2
