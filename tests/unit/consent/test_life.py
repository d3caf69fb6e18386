"""The life of a record, rule by rule (rules.md 7, 15, 17, 18; CSP L1111-14, L1111-18, R1111-28)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from carnet_consent.domain.announcing import Announcement, announce, oppose_opening
from carnet_consent.domain.asker import Asker
from carnet_consent.domain.closing import ClosingWish, Renewal, Terms, close, closed, destroy_time, oppose, reopen
from carnet_consent.domain.closing_motives import Actor, closing_motives
from carnet_consent.domain.consent import DEATH, Consent, Episode, RecordState, contradictions
from carnet_consent.domain.death import learn
from carnet_consent.domain.matrix_files import BrokenTableError
from carnet_consent.domain.openable import openable
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.time_steps import Step, step_of_time
from carnet_consent.life_cycle import newest_motives
from carnet_consent.storage.text import from_text, to_text
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.consent.builders import DOCTOR, HOLDER_ASKS, HOSPITAL, HOUR, NOW, record, record_stating

TERMS, MOTIVES = Terms(), newest_motives()
WISH = ClosingWish("FERMETURE_DEMANDE_PATIENT", "", "form", "v1", "signed")
RENEWAL = Renewal(is_confirmed=True, form="form", form_version="v1", method="ticked")
MONTH = timedelta(days=30)
INSURER = Asker("structures/insurer", "INSURER", "structures/insurer", "SYSTEM_DEPOSIT")


def by_holder(consent: Consent, now: datetime = NOW) -> Consent:
    """Closed by its holder."""
    return close(consent, HOLDER_ASKS, WISH, MOTIVES, now, TERMS)


def announced(now: datetime = NOW) -> Consent:
    """An announced record."""
    return announce(INSURER, Announcement(HOLDER_ASKS.subject, "letter", "v1", "post"), now, timedelta(weeks=6), record="records/r")


def test_a_closing_ends_open_emergencies_so_that_reopening_revives_none() -> None:
    open_one = Episode("e", DOCTOR.subject, HOSPITAL, NOW - HOUR, NOW + HOUR)
    after = by_holder(replace(record(), episodes=(open_one,)))

    assert after.episodes == (replace(open_one, end=NOW),)
    assert reopen(after, HOLDER_ASKS, RENEWAL, NOW).open_episode(DOCTOR.subject, HOSPITAL, NOW) is None


def test_reopening_changes_nothing_of_what_was_stated() -> None:
    before = record_stating("standing of doctor, block of clinic, opposed to dispatch")
    after = reopen(by_holder(before), HOLDER_ASKS, RENEWAL, NOW + MONTH)

    assert replace(after, renewed=None) == before


@pytest.mark.parametrize(
    ("closing", "until"),
    [("2026-11-22", "2036-11-22"), ("2028-02-29", "2038-03-01"), ("2028-02-28", "2038-02-28"), ("2032-02-29", "2042-03-01")],
)
def test_a_closed_record_is_kept_for_ten_years_and_never_a_day_less(closing: str, until: str) -> None:
    """CSP L1111-18."""
    begin = datetime.fromisoformat(closing).replace(tzinfo=UTC)
    assert destroy_time(begin, TERMS) == datetime.fromisoformat(until).replace(tzinfo=UTC)


def test_time_closes_at_the_end_of_the_grace_and_not_before() -> None:
    waiting = close(record_stating("standing of doctor"), DOCTOR, WISH, MOTIVES, NOW, TERMS)
    end = NOW + TERMS.grace

    assert waiting.due == end
    assert step_of_time(waiting, end - timedelta(microseconds=1), TERMS) is None
    late = end + MONTH
    found = step_of_time(waiting, late, TERMS)
    assert found == (closed(waiting, late, TERMS), Step.CLOSED)
    assert step_of_time(found[0], late + MONTH, TERMS) is None


def test_time_opens_what_was_announced_and_nothing_else() -> None:
    found = step_of_time(announced(), NOW + timedelta(weeks=6), TERMS)
    assert found is not None
    assert (found[0].state, found[0].opened, found[1]) == (RecordState.ACTIVE, NOW + timedelta(weeks=6), Step.OPENED)
    opposed = oppose_opening(announced(), HOLDER_ASKS)
    for still in (record(), opposed):
        assert still.due is None
        assert step_of_time(still, NOW + 100 * MONTH, TERMS) is None
    assert step_of_time(by_holder(record()), NOW + 100 * MONTH, TERMS) is None


@pytest.mark.parametrize("verb", [lambda r: oppose(r, DOCTOR), lambda r: reopen(r, DOCTOR, RENEWAL, NOW), by_holder])
def test_an_unopened_record_is_none(verb: object) -> None:
    """rules.md 7 and 18: for everybody but the person, and for every change but hers, there is no record."""
    assert callable(verb)
    for unopened in (announced(), oppose_opening(announced(), HOLDER_ASKS)):
        with pytest.raises(RuleBrokenError) as broken:
            verb(unopened)
        assert broken.value.reason == "NOT_FOUND"
        assert openable(unopened, DOCTOR, NOW) is None


@settings(max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 6)), max_size=8), st.sampled_from(["open", "closed", "announced"]))
def test_after_the_newest_news_a_record_waits_for_death_exactly_when_the_person_has_died(news: list[tuple[bool, int]], begun: str) -> None:
    """rules.md 17: whatever arrives twice, late or out of order, as long as the newest arrives and is the newest of its revision."""
    truth = dict(sorted({revision: is_deceased for is_deceased, revision in news}.items()))
    consent = {"open": record(), "closed": by_holder(record()), "announced": announced()}[begun]
    newest = max(truth, default=0)
    for _, revision in [*news, (False, newest)]:
        if revision:
            # Who is told of a revision asks, and learns what is true then or later.
            consent = learn(consent, is_deceased=truth[newest], revision=newest, now=NOW, late_results=MONTH)
    waits = consent.closing is not None and consent.closing.motive == DEATH
    assert waits == (begun != "closed" and truth.get(newest, False))
    assert not list(contradictions(consent))


def test_a_record_that_death_closed_comes_back_and_one_that_a_hand_closed_does_not() -> None:
    dying = learn(record(), is_deceased=True, revision=2, now=NOW, late_results=MONTH)
    dead = closed(dying, NOW + MONTH, TERMS)
    back = learn(dead, is_deceased=False, revision=3, now=NOW + 2 * MONTH, late_results=MONTH)
    assert (back.state, back.closing) == (RecordState.ACTIVE, None)
    by_hand = by_holder(record())
    assert learn(by_hand, is_deceased=True, revision=2, now=NOW, late_results=MONTH) is by_hand
    with pytest.raises(RuleBrokenError) as broken:
        reopen(dead, HOLDER_ASKS, RENEWAL, NOW + MONTH)
    assert broken.value.reason == "PERSON_DECEASED"


def test_the_stored_text_holds_a_whole_life_and_text_of_before_still_opens() -> None:
    for consent in (announced(), by_holder(record()), reopen(by_holder(record()), HOLDER_ASKS, RENEWAL, NOW)):
        assert from_text(to_text(consent)) == consent
    plain = record()
    text = to_text(plain)
    start = text.index(b'"life":')
    without = text[:start] + text[text.index(b"]", start) + 2 :]
    assert b"life" not in without
    assert from_text(without) == plain


def test_a_closing_that_contradicts_the_state_is_seen() -> None:
    closing = by_holder(record()).closing
    assert list(contradictions(replace(record(), closing=closing))) == ["a closing that took effect on a record that is not closed"]
    assert list(contradictions(replace(announced(), opening_due=None))) == ["an opening announced for no day"]


HEAD = "code;actor;status;source\n"
PLATFORM = f"{DEATH};PLATFORM;A;rules.md 17\n"


def test_the_table_of_motives_says_who_may_give_which() -> None:
    assert MOTIVES.may_give(Actor.PROFESSIONAL, "FERMETURE_DEMANDE_PATIENT")
    assert not any(MOTIVES.may_give(actor, DEATH) for actor in (Actor.HOLDER, Actor.REPRESENTATIVE, Actor.PROFESSIONAL))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "code;actor\n" + PLATFORM,
        HEAD,
        HEAD + PLATFORM + PLATFORM,
        HEAD + PLATFORM + "A;NOBODY;A;x\n",
        HEAD + PLATFORM + "A;HOLDER;?;x\n",
        HEAD + PLATFORM + "A;HOLDER;A\n",
        HEAD + PLATFORM + "A; HOLDER;A;x\n",
        HEAD + PLATFORM + f"{DEATH};HOLDER;A;x\n",
    ],
)
def test_a_broken_table_of_motives_is_refused(text: str) -> None:
    with pytest.raises(BrokenTableError, match="motifs-fermeture"):
        closing_motives(text)
