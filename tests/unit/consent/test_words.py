"""Every step of an explanation has its words, in both languages, for every outcome it can have."""

from collections.abc import Iterator

import pytest
from carnet_consent.api.words import LANGUAGES, sentences
from carnet_consent.domain.case import Case
from carnet_consent.domain.checks import Check, Gate, everybody
from carnet_consent.domain.context import CONTEXT_RULES
from carnet_consent.domain.decision import NO_WAY, READING_FOR_CARE, RECORD_CHECKS, SOME_RULE_PERMITS, Found
from carnet_consent.domain.deposit import DEPOSIT
from carnet_consent.domain.destroyed import ToldWhenItRefuses
from carnet_consent.domain.explanation import HISTORY_LOST, NO_TABLES, NOT_KEPT_BY_DATE
from carnet_consent.domain.filter import TERMS
from carnet_consent.domain.holder import HOLDER
from carnet_consent.domain.mandatary import MANDATARY
from carnet_consent.domain.precedence import PRECEDENCE


def gates() -> list[Gate[Case] | Gate[Found]]:
    """Every gate of every way."""
    ways = (*READING_FOR_CARE.values(), NO_WAY, DEPOSIT, HOLDER, MANDATARY)
    return [*RECORD_CHECKS, *(gate for way in ways for gate in way.gates)]


def possible() -> Iterator[tuple[str, str]]:
    """Every step with every outcome it can have."""
    for gate in (*CONTEXT_RULES, *gates()):
        if isinstance(gate, Check):
            yield gate.key, "refused"
            if gate is not SOME_RULE_PERMITS and not isinstance(gate, ToldWhenItRefuses):
                yield gate.key, "did_not_apply" if gate.key == NOT_KEPT_BY_DATE else "passed"
            if gate.concerns is not everybody:
                yield gate.key, "did_not_apply"
    for rule in PRECEDENCE:
        yield from ((rule.key, "passed"), (rule.key, "refused" if rule.refusal else "did_not_apply"))
    yield "consent-stated", "refused"
    for term in TERMS:
        is_last = term is TERMS[-1]
        yield from ((term.key, "passed"), (term.key, "refused" if is_last or term.silent == "PASSED" else "did_not_apply"))
    yield from ((step.key, step.outcome.value.lower()) for step in (HISTORY_LOST, NO_TABLES))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_outcome_of_every_step_has_a_sentence_and_no_other_has(language: str) -> None:
    written = {(key, outcome): text for key, texts in sentences(language).items() for outcome, text in texts.items()}

    assert written.keys() == set(possible())
    assert all(text.strip() == text and text.endswith(".") for text in written.values())
    assert len(set(written.values())) == len(written), "no two outcomes are told alike"
