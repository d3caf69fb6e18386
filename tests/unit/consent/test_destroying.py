"""Destroying a record, rule by rule (rules.md 16; CSP L1111-18)."""

import json
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import pytest
from carnet_consent.destruction_settings import DestructionSettings
from carnet_consent.domain.asker import Asker
from carnet_consent.domain.closing import ClosingWish, Terms, close
from carnet_consent.domain.consent import Consent, RecordState, contradictions
from carnet_consent.domain.death import learn
from carnet_consent.domain.decision import decide
from carnet_consent.domain.destroying import (
    MOST_HOLDS,
    DestructionTerms,
    announce_purge,
    begin,
    cancel,
    certified,
    check_may_ask,
    confirm,
    emptied,
    hold,
    received,
    why_not_believed,
)
from carnet_consent.domain.destruction import OWN_PART, LegalHold, Receipt
from carnet_consent.domain.mandate import Mandate, MandateKind
from carnet_consent.domain.outcome import Denial
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.time_steps import step_of_time
from carnet_consent.life_cycle import newest_motives
from carnet_consent.storage.text import from_text, to_text
from unit.consent.builders import ASKERS, HOLDER_ASKS, NOW, asker, reading, record, record_stating, tables

TERMS, CLOSING = DestructionTerms(), Terms()
FULL = record_stating("standing of doctor, block of hospital, emergency of doctor, opposed to dispatch")
WISH = ClosingWish("FERMETURE_DEMANDE_PATIENT", "", "form", "v1", "signed")
HOLD = LegalHold("h", "An order.", NOW)


def confirmed(before: Consent = FULL) -> Consent:
    """Confirmed by its holder."""
    return confirm(before, HOLDER_ASKS, NOW, TERMS, CLOSING, destruction_id="d")


def begun() -> Consent:
    """Begun."""
    return begin(confirmed(), NOW + TERMS.cooling_off, ("documents", "audit"))


def receipt(participant: str) -> Receipt:
    """A receipt."""
    return Receipt(participant, "r", NOW + TERMS.cooling_off, ("RECORD_KEY",))


def test_cancelled_the_record_is_the_very_same_but_for_open_emergencies() -> None:
    after = cancel(confirmed(), HOLDER_ASKS)
    assert replace(after, episodes=()) == replace(FULL, episodes=())
    closed = close(FULL, HOLDER_ASKS, WISH, newest_motives(), NOW, CLOSING)
    assert cancel(confirmed(closed), HOLDER_ASKS) == closed


def test_what_is_left_of_an_emptied_record_says_nothing_of_what_was_stated() -> None:
    left = emptied(begun(), NOW)
    text = json.loads(to_text(left))
    kept = {"record", "patient", "state", "revision", "opened", "evidence", "life", "destruction", "switches"}
    assert {name for name, value in text.items() if value not in ([], False, None)} == kept
    assert text["evidence"][:4] == ["", "", "", ""]
    assert text["switches"] == [True, True, False, False]
    assert not any(word in to_text(left).decode() for word in ("professionals/", "structures/"))


def test_the_certificate_comes_after_the_last_receipt_and_never_under_a_hold() -> None:
    now = begun()
    for participant in (OWN_PART, "documents"):
        now = received(now, receipt(participant))
        assert certified(now, NOW, TERMS) is now
    assert received(now, receipt("documents")) is now, "once each"
    assert received(now, receipt("somebody")) is now
    complete = received(now, receipt("audit"))
    held = hold(complete, HOLD)
    assert certified(held, NOW, TERMS) is held
    done = certified(complete, NOW, TERMS)
    assert (done.state, done.due) == (RecordState.DESTROYED, done.destruction and done.destruction.history_end)
    assert certified(done, NOW, TERMS) is done


def test_a_receipt_of_another_time_or_without_a_part_is_none() -> None:
    good = receipt("audit")
    at = NOW + TERMS.cooling_off
    assert why_not_believed(good, at, at) == ""
    for bad in (replace(good, name=""), replace(good, what=()), replace(good, erased=at - timedelta(hours=1))):
        assert why_not_believed(bad, at, at)
    assert why_not_believed(replace(good, erased=at + timedelta(hours=1)), at, at)


def test_no_destruction_is_forgotten_in_the_stored_text_and_an_old_text_has_none() -> None:
    for consent in (confirmed(), begun(), hold(begun(), HOLD), certified(_complete(), NOW, TERMS)):
        assert from_text(to_text(consent)) == consent
        assert list(contradictions(consent)) == []
    old = json.loads(to_text(close(record(), HOLDER_ASKS, WISH, newest_motives(), NOW, CLOSING)))
    del old["destruction"], old["holds"]
    old["life"][0] = old["life"][0][:5]
    read = from_text(json.dumps(old).encode())
    assert (read.destruction, read.holds) == (None, ())
    assert read.closing is not None
    assert read.due == read.closing.destroy, "announced when it is due: it was closed before that was"


def test_a_state_that_no_destruction_explains_is_a_contradiction() -> None:
    assert list(contradictions(replace(FULL, state=RecordState.DESTROYED)))
    assert list(contradictions(replace(confirmed(), state=RecordState.ACTIVE, closing=None)))


@pytest.mark.parametrize("state", [RecordState.DESTROYING, RecordState.DESTROYED])
def test_every_reading_of_a_destroyed_record_is_refused_whatever_it_states(state: RecordState) -> None:
    """rules.md 7: with its own reason, after what may be told to nobody."""
    gone = replace(begun(), state=state)
    for words in ("doctor", "doctor for dispatch", "pharmacist", "holder"):
        for purpose in ("PATIENT_REQUEST",) if words == "holder" else ("TREATMENT", "BREAK_GLASS", "EMERGENCY_DISPATCH"):
            outcome = decide(reading(asker(words, purpose)), gone, tables(), NOW).outcome
            assert isinstance(outcome, Denial)
            assert outcome.reason == "RECORD_DESTROYED"
    other = decide(reading(ASKERS["other person"]), gone, tables(), NOW).outcome
    assert isinstance(other, Denial)
    assert other.reason == "NOT_FOUND"


def test_a_death_changes_nothing_of_a_destruction_and_reopens_no_destroyed_record() -> None:
    dead = learn(FULL, is_deceased=True, revision=5, now=NOW, late_results=timedelta(days=30))
    later = dead.due
    assert later is not None
    closed = step_of_time(dead, later, CLOSING)
    assert closed is not None
    gone = begin(announce_purge(closed[0], later, CLOSING.purge_notice, destruction_id="d"), later, ())
    assert learn(gone, is_deceased=False, revision=6, now=later, late_results=timedelta(days=30)) is gone


def test_a_holder_who_logs_in_weakly_or_is_held_or_asked_already_does_not_ask() -> None:
    for consent, level, reason in (
        (FULL, "", "LOGIN_TOO_WEAK"),
        (hold(FULL, HOLD), "eidas2", "LEGAL_HOLD"),
        (confirmed(), "eidas3", "STATE_FORBIDS"),
        (begun(), "eidas3", "RECORD_DESTROYED"),
    ):
        with pytest.raises(RuleBrokenError) as broken:
            check_may_ask(consent, HOLDER_ASKS, level, TERMS)
        assert broken.value.reason == reason
    check_may_ask(FULL, HOLDER_ASKS, "eidas2", TERMS)


def test_a_minor_s_representative_asks_only_where_the_operator_lets_her() -> None:
    """rules.md 16: representatives never, by default."""
    mandate = Mandate("mandates/m", HOLDER_ASKS.subject, MandateKind.MINOR_REPRESENTATION, None)
    mother = Asker("patients/mother", "REPRESENTATIVE", "", "PATIENT_REQUEST", mandate=mandate)
    with pytest.raises(RuleBrokenError) as broken:
        check_may_ask(FULL, mother, "eidas2", TERMS)
    assert broken.value.reason == "ROLE_NOT_ALLOWED"
    check_may_ask(FULL, mother, "eidas2", replace(TERMS, by_representatives=True))


def test_a_record_has_so_many_holds_at_most() -> None:
    held = FULL
    for number in range(MOST_HOLDS):
        held = hold(held, replace(HOLD, id=str(number)))
    with pytest.raises(RuleBrokenError):
        hold(held, HOLD)


def test_every_field_of_a_consent_is_kept_on_purpose_or_gone() -> None:
    """Whoever adds a field to a record decides nothing here: what `emptied` does not name is gone."""
    left, before = emptied(begun(), NOW), begun()
    kept = {field.name for field in fields(Consent) if getattr(left, field.name) == getattr(before, field.name) != _default(field.name)}
    assert kept <= {"record", "patient", "state", "revision", "opened", "person_revision", "holds"}


@pytest.mark.parametrize("named", [{}, {"documents": "a:1"}, {"documents": "", "audit": "", "consent": ""}])
def test_documents_and_audit_take_part_whatever_the_settings_say(named: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="CARNET_DESTRUCTION_PARTICIPANTS"):
        DestructionSettings(
            environment="test",
            listen="127.0.0.1:0",
            health_listen="127.0.0.1:0",
            certificate_folder=Path(),
            mongo_url_file=Path(),
            destruction_participants=named,
        )


def _default(name: str) -> object:
    return getattr(Consent("", "", RecordState.ACTIVE, 0, NOW, FULL.evidence), name)


def _complete() -> Consent:
    now = begun()
    for participant in (OWN_PART, "documents", "audit"):
        now = received(now, receipt(participant))
    return now
