"""Trial C1: random histories of a record answered alike by the domain and by a reference evaluator written apart from it.

The evaluator is tests/support/reference_evaluator.py, the histories tests/support/policy_histories.py. `make test-policy` plays 100 000.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import carnet_consent
import pytest
from carnet_consent.domain.outcome import Denial
from support.policy_histories import KINDS, history
from support.reference_book import Told
from support.reference_evaluator import Answer, Asks, Paper, Reference
from unit.consent.builders import tables
from unit.consent.playing import Compared, Difference, Domain, reference

IN_CI, AT_LENGTH, CHUNK = 5_000, 100_000, 5_000


class Forgetting(Reference):
    """An evaluator that does not hear one kind of thing: it must be found out."""

    def __init__(self, unheard: str) -> None:
        super().__init__(max((Path(carnet_consent.__file__).parent / "data").glob("????-??-??")))
        self._unheard = unheard

    def answer(self, asks: Asks, holder: str, book: Sequence[Told], papers: Sequence[Paper], now: datetime) -> Answer:
        """Answer without it."""
        return super().answer(asks, holder, [told for told in book if told.what != self._unheard], papers, now)


class WithoutLabels(Reference):
    """An evaluator that does not see a label of documents."""

    def __init__(self, unseen: str) -> None:
        super().__init__(max((Path(carnet_consent.__file__).parent / "data").glob("????-??-??")))
        self._unseen = unseen

    def answer(self, asks: Asks, holder: str, book: Sequence[Told], papers: Sequence[Paper], now: datetime) -> Answer:
        """Answer without it."""
        bare = [replace(paper, labels=paper.labels - {self._unseen}) for paper in papers]
        return super().answer(asks, holder, book, bare, now)


def differences(seeds: Iterable[int], rules: Reference | None = None) -> list[Difference]:
    """All that the two do not say alike in the histories of these seeds."""
    played = (one for seed in seeds for one in Domain(history(seed), rules or reference()).play())
    return [one for one in played if isinstance(one, Difference)]


def told(found: list[Difference]) -> str:
    return "\n\n".join(str(one) for one in found[:5])


@pytest.mark.timeout(300)
def test_the_domain_and_the_reference_answer_five_thousand_histories_alike() -> None:
    """C1."""
    found = differences(range(IN_CI))

    assert not found, told(found)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(IN_CI, IN_CI + AT_LENGTH, CHUNK))
def test_the_domain_and_the_reference_answer_a_hundred_thousand_histories_alike(first: int) -> None:
    """C1."""
    found = differences(range(first, first + CHUNK))

    assert not found, told(found)


def test_the_histories_meet_every_answer() -> None:
    """C1: what nobody asks is not compared. Each purpose permits and refuses, each reason is met."""
    met = Counter[tuple[str, str]]()
    for seed in range(600):
        for one in Domain(history(seed), reference()).play():
            assert isinstance(one, Compared)
            outcome = one.decision.outcome
            met[one.asks.purpose, outcome.reason if isinstance(outcome, Denial) else "permit"] += 1

    permitted = {purpose for purpose, answer in met if answer == "permit"}
    assert permitted == {"TREATMENT", "BREAK_GLASS", "EMERGENCY_DISPATCH", "PATIENT_REQUEST", "SYSTEM_DEPOSIT"}
    assert {answer for _, answer in met} >= {
        *("SESSION_WITHDRAWN", "USER_UNKNOWN", "PURPOSE_NOT_ALLOWED", "ROLE_NOT_ALLOWED", "MANDATE_NOT_IN_FORCE"),
        *("NOT_FOUND", "RECORD_CLOSED", "CONSENT_UNREADABLE", "BLOCKED", "NEEDS_CONSENT", "DEPOSIT_OPPOSED"),
        *("EMERGENCY_OPPOSED", "EMERGENCY_PROFESSION_NOT_ALLOWED", "EPISODE_ENDED"),
    }
    assert met["TREATMENT", "permit"] > 500


@pytest.mark.parametrize(
    "unheard",
    [
        *("closed", "reopened", "switched", "authorised once", "authorised", "care", "blocked", "taken back"),
        *("hidden", "shown", "attending", "dismissed", "glass broken", "glass mended", "deposit opposed", "deposit allowed"),
        *("announced", "opening opposed", "closing announced", "closing opposed", "died", "alive"),
    ],
)
def test_an_evaluator_that_does_not_hear_one_thing_is_found_out(unheard: str) -> None:
    """C1: the comparison can fail."""
    rules = Forgetting(unheard)

    assert any(differences([seed], rules) for seed in range(IN_CI) if tells(seed, unheard))


def tells(seed: int, what: str) -> bool:
    """Whether a history could tell of something."""
    told = history(seed)
    return what in {told.beginning.what, *(step.change.told.what for step in told.steps if step.change is not None)}


@pytest.mark.parametrize("unseen", ["MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"])
def test_an_evaluator_that_does_not_see_a_label_is_found_out(unseen: str) -> None:
    """C1: the comparison can fail."""
    rules = WithoutLabels(unseen)

    assert any(differences([seed], rules) for seed in range(IN_CI))


def test_both_read_the_tables_alike() -> None:
    """C1: every role and every type, to read and to deposit."""
    rules, product = reference(), tables()
    roles = sorted({*product.reading, *product.depositing, "99", ""})
    kinds = [*rules.class_of, *KINDS]
    readers = [role for role in roles if role not in ("PATIENT", "RL")]

    apart = [
        (role, kind)
        for role in readers
        for kind in kinds
        if product.may_read(role).cover(rules.class_of.get(kind, ""), kind) != rules.may_read(role, kind)
    ]
    apart += [
        (role, kind)
        for role in roles
        for kind in kinds
        if product.may_deposit(role).cover(rules.class_of.get(kind, ""), kind) != rules.may_deposit(Asks("", role, "", ""), kind)
    ]
    assert apart == []
