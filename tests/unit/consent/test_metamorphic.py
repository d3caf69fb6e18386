"""Trial C2, metamorphic, at the end of any history: one more refusal never adds a permit, and time alone opens nothing."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from carnet_consent.domain.asker import Action, Asker
from carnet_consent.domain.consent import Consent, NamedHide, RecordState, Statement, StatementKind, Switches
from carnet_consent.domain.context import Question
from carnet_consent.domain.decision import decide
from carnet_consent.domain.outcome import Permit
from support.policy_histories import BEGIN, History, history
from support.reference_evaluator import Asks
from unit.consent.builders import tables
from unit.consent.playing import Domain, asker_of, facts_of, reference

HISTORIES = 250
LATER = (timedelta(minutes=1), timedelta(hours=4), timedelta(hours=24), timedelta(days=365))


def ended(seed: int) -> tuple[History, Consent, list[Asks]]:
    """A history, the record at its end, and who asked to read it at last."""
    told = history(seed)
    domain = Domain(told, reference())
    for _ in domain.play():
        pass
    return told, domain.consent, [asks for asks in told.steps[-1].questions if asks.action == "READ"]


def opened(told: History, consent: Consent, asker: Asker, purpose: str, now: datetime) -> frozenset[str]:
    """The documents an asker gets to see."""
    outcome = decide(Question(asker, purpose, Action.READ), consent, tables(), now).outcome
    if not isinstance(outcome, Permit):
        return frozenset()
    return frozenset(paper.name for paper in told.papers if outcome.filter.passes(facts_of(paper)))


def refusals(told: History, consent: Consent, asker: Asker) -> Iterator[Consent]:
    """The record with one more refusal: a block, a hiding, a switch, its closing."""
    for number, name in enumerate((*asker.grantees, "professionals/another")):
        block = Statement(f"more{number}", name, StatementKind.BLOCK, BEGIN, None, told.holder)
        yield replace(consent, statements=(*consent.statements, block))
        yield replace(consent, hides=(*consent.hides, NamedHide(told.papers[0].name, name)))
    yield replace(consent, switches=replace(consent.switches, break_glass=False))
    yield replace(consent, switches=replace(consent.switches, dispatch=False))
    yield replace(consent, switches=Switches(dispatch=False, break_glass=False))
    if not consent.is_unopened:  # of one that is closed its holder keeps history and export; of one that was never opened, nothing
        yield replace(consent, state=RecordState.CLOSED)


@pytest.mark.parametrize("first", range(0, HISTORIES, 50))
def test_one_more_refusal_at_the_end_of_any_history_opens_no_document(first: int) -> None:
    """C2."""
    for seed in range(first, first + 50):
        told, consent, asked = ended(seed)
        if consent.switches.contradict_each_other or consent.switches.masked_documents:
            consent = replace(consent, switches=Switches())
        for asks in asked:
            asker, now = asker_of(asks), told.steps[-1].at
            before = opened(told, consent, asker, asks.purpose, now)
            for refused in refusals(told, consent, asker):
                assert opened(told, refused, asker, asks.purpose, now) <= before, (seed, asks)
            assert not opened(told, consent, replace(asker, is_withdrawn=True), asks.purpose, now)


@pytest.mark.parametrize("first", range(0, HISTORIES, 50))
def test_time_alone_opens_no_document(first: int) -> None:
    """C2: what has expired and is asked again is refused; and what ends at an instant is refused at that instant.

    But for a block that the person herself stated for a time.
    """
    for seed in range(first, first + 50):
        told, consent, asked = ended(seed)
        lasting = (replace(one, end=None) if one.kind is StatementKind.BLOCK else one for one in consent.statements)
        consent = replace(consent, statements=tuple(lasting))
        for asks in asked:
            asker, now = asker_of(asks), told.steps[-1].at
            before = opened(told, consent, asker, asks.purpose, now)
            for later in LATER:
                after = opened(told, consent, asker, asks.purpose, now + later)
                assert after <= before, (seed, asks)
                before = after


def test_a_permit_that_ends_is_not_given_again_at_its_end_for_the_same_fact() -> None:
    """C2: at the end of a permit the answer is another, or rests on something that ends later."""
    ends = 0
    for seed in range(HISTORIES):
        told, consent, asked = ended(seed)
        for asks in asked:
            question = Question(asker_of(asks), asks.purpose, Action.READ)
            permit = decide(question, consent, tables(), told.steps[-1].at).outcome
            if isinstance(permit, Permit) and permit.ends is not None:
                again = decide(question, consent, tables(), permit.ends).outcome
                assert not isinstance(again, Permit) or again.ends is None or again.ends > permit.ends
                ends += 1
    assert ends > 20
