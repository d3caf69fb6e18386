"""The precedence of rules.md 2, as a table that a physician can read: precedence.csv."""

import csv
from pathlib import Path

import pytest
from carnet_consent.domain.decision import decide
from carnet_consent.domain.outcome import Denial
from unit.consent.builders import NOW, asker, reading, record_stating, tables

CASES = list(csv.DictReader(Path(__file__).with_name("precedence.csv").read_text().splitlines(), delimiter=";"))


@pytest.mark.parametrize("case", CASES, ids=[case["situation"] for case in CASES])
def test_each_situation_of_the_table_gets_its_answer(case: dict[str, str]) -> None:
    decision = decide(reading(asker(case["asker"], case["purpose"])), record_stating(case["the record states"]), tables(), NOW)

    assert (decision.outcome.reason if isinstance(decision.outcome, Denial) else "permit") == case["answer"]
    assert decision.rule
    assert decision.source


def test_a_record_that_is_not_there_is_not_found() -> None:
    decision = decide(reading(asker("doctor", "TREATMENT")), None, tables(), NOW)

    assert isinstance(decision.outcome, Denial)
    assert decision.outcome.reason == "NOT_FOUND"
    assert decision.outcome.message
