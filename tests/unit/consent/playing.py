"""Plays a history on the domain of consent and compares each of its answers with the reference evaluator's (trial C1)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import carnet_consent
from carnet_consent.domain.announcing import oppose_opening
from carnet_consent.domain.asker import Action, Asker
from carnet_consent.domain.attending import confirm, declare, end_attending
from carnet_consent.domain.closing import ClosingWish, Renewal, Terms, close, reopen
from carnet_consent.domain.closing import oppose as oppose_closing
from carnet_consent.domain.consent import Consent, NamedHide, RecordState, StatementKind, Switches, contradictions
from carnet_consent.domain.context import Question
from carnet_consent.domain.death import learn, restart_opening
from carnet_consent.domain.decision import decide
from carnet_consent.domain.emergency import break_glass, check_may_break_glass, end_emergency
from carnet_consent.domain.filter import DocumentFacts
from carnet_consent.domain.hiding import hide, set_switches, unhide
from carnet_consent.domain.mandate import Mandate, MandateKind
from carnet_consent.domain.opposing import OppositionWish, allow, oppose
from carnet_consent.domain.outcome import Decision, Denial, Obligation
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.stating import Durations, Wish, check_may_change, state, take_back
from carnet_consent.domain.time_steps import step_of_time
from carnet_consent.life_cycle import newest_motives
from carnet_consent.usecases.mandates import check_not_over
from support.policy_histories import LATE_RESULTS, TO_OPPOSE, History
from support.reference_book import Told
from support.reference_changes import Change, is_allowed
from support.reference_evaluator import Answer, Asks, Paper, Reference
from unit.consent.builders import record, tables

KINDS: Mapping[str, StatementKind] = {
    "authorised": StatementKind.STANDING,
    "authorised once": StatementKind.SINGLE_CONSULTATION,
    "care": StatementKind.CARE_RELATION,
    "blocked": StatementKind.BLOCK,
}
MANDATES = {"MINOR": MandateKind.MINOR_REPRESENTATION, "ADULT": MandateKind.ADULT_REPRESENTATION, "CAREGIVING": MandateKind.CAREGIVING}
DURATIONS = Durations()
EVIDENCE = ("form", "v1", "signed on screen")
TERMS, MOTIVES = Terms(), newest_motives()


@cache
def reference() -> Reference:
    """The evaluator over the newest edition."""
    return Reference(max((Path(carnet_consent.__file__).parent / "data").glob("????-??-??")))


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the two do not say the same."""

    seed: int
    step: int
    what: str

    def __str__(self) -> str:
        """Name the history and the step."""
        return f"history {self.seed}, step {self.step}: {self.what}"


@dataclass(frozen=True, slots=True)
class Compared:
    """One question that both answered alike."""

    expected: Answer
    decision: Decision
    asks: Asks


def asker_of(asks: Asks) -> Asker:
    """The product's words for who asks."""
    mandate = None
    if asks.mandate:
        kind, ends = MANDATES[asks.mandate], asks.mandate_ends
        mandate = Mandate("mandates/m", asks.on_behalf_of, kind, ends, classes=asks.scope, hidden_structures=asks.places_hidden)
    purpose = asks.purpose if asks.purpose_of_token is None else asks.purpose_of_token
    return Asker(asks.who, asks.role, asks.place, purpose, asks.regulates, asks.has_left, mandate)


def facts_of(paper: Paper) -> DocumentFacts:
    """The product's words for a document."""
    labels = tuple(sorted(paper.labels))
    return DocumentFacts(paper.name, reference().class_of.get(paper.kind, ""), paper.kind, labels, paper.by, paper.place)


def disagreement(expected: Answer, decision: Decision, asks: Asks, papers: tuple[Paper, ...]) -> str:
    """What differs between the two answers; empty when nothing does."""
    outcome = decision.outcome
    if isinstance(outcome, Denial):
        return "" if outcome.reason in expected.reasons else f"refused with {outcome.reason}, expected {_told(expected)}"
    if expected.reasons:
        return f"permitted, expected {_told(expected)}"
    seen = {paper.name for paper in papers if asks.action in ("READ", "DEPOSIT") and outcome.filter.passes(facts_of(paper))}
    if seen != expected.seen:
        return f"opens {sorted(seen - expected.seen)} too much and {sorted(expected.seen - seen)} too little"
    if (Obligation.NOTIFY_EMERGENCY in outcome.obligations) != expected.is_emergency:
        return "an emergency without notice, or a notice without an emergency"
    return ""


def _told(expected: Answer) -> str:
    return f"one of {sorted(expected.reasons)}" if expected.reasons else "a permit"


class Domain:
    """One record that the functions of the domain change, and what they let pass told in a book."""

    def __init__(self, history: History, rules: Reference) -> None:
        self._history, self._rules = history, rules
        opened, beginning = replace(record(), record=history.record, patient=history.holder), history.beginning
        if beginning.what == "announced":
            opened = replace(opened, state=RecordState.ANNOUNCED, opening_due=beginning.until)
        self.consent = opened
        self._book = [beginning]

    def play(self) -> Iterator[Difference | Compared]:
        """Take every step; yield each question with both answers, and each difference."""
        for number, step in enumerate(self._history.steps):
            while (stepped := step_of_time(self.consent, step.at, TERMS)) is not None:
                self.consent = stepped[0]
            if step.change is not None:
                is_accepted = self._tell(step.change)
                if is_accepted != is_allowed(step.change, self._history.holder, self._book, self._history.roles):
                    yield Difference(self._history.seed, number, f"{'accepted' if is_accepted else 'refused'} {step.change}")
                if is_accepted:
                    self._book.append(step.change.told)
            for asks in step.questions:
                expected = self._rules.answer(asks, self._history.holder, self._book, self._history.papers, step.at)
                decision = decide(Question(asker_of(asks), asks.purpose, Action(asks.action)), self.consent, tables(), step.at)
                differs = disagreement(expected, decision, asks, self._history.papers)
                if differs:
                    yield Difference(self._history.seed, number, f"{differs}: {asks} after {self._book}")
                else:
                    yield Compared(expected, decision, asks)

    def _tell(self, change: Change) -> bool:
        """Change the record as the use cases do; False when a rule forbids it."""
        if change.by is None:
            self._by_hand(change.told)
            return True
        if change.by.has_left or any(contradictions(self.consent)):
            return False
        try:
            check_not_over(asker_of(change.by), change.told.at)
            self.consent = _changed(self.consent, asker_of(change.by), change.told, self._history.roles)
        except RuleBrokenError:
            return False
        return True

    def _by_hand(self, told: Told) -> None:
        if told.what in ("died", "alive"):
            self.consent = _learnt(self.consent, told)
        if told.what == "switched":  # as an import might: opposing ends what is open
            from_now = tuple(e if "BTG" in told.on else replace(e, end=min(e.end, told.at)) for e in self.consent.episodes)
            self.consent = replace(self.consent, switches=switches(told.on), episodes=from_now)


def switches(on: frozenset[str]) -> Switches:
    """The product's switches."""
    return Switches("ETREAT" in on, "BTG" in on, "MASKED" in on, "DIRECTIVES" in on)


def _changed(  # noqa: PLR0911 - one answer a verb
    consent: Consent, asker: Asker, told: Told, roles: Mapping[str, str]
) -> Consent:
    """The record after one change. Raises RuleBrokenError when it is forbidden."""
    match told.what:
        case "taken back":
            return take_back(consent, asker, _statement(consent, told), told.at)[0]
        case "hidden":
            return hide(consent, asker, NamedHide(told.document, told.about))
        case "shown":
            return unhide(consent, asker, NamedHide(told.document, told.about))
        case "switched":
            return set_switches(consent, asker, switches(told.on), told.at)
        case "attending" | "declared":
            if told.undoes:
                return confirm(consent, asker, told.about)
            return declare(consent, asker, told.about, roles.get(told.about, ""), told.at)[0]
        case "dismissed":
            return end_attending(consent, asker, told.about)
        case "glass broken" | "glass mended":
            return _glass(consent, asker, told)
    if told.what not in KINDS:
        return _lived(consent, asker, told)
    return state(consent, asker, Wish(told.about, KINDS[told.what], told.until), told.at, DURATIONS, statement_id=f"s{told.at}")[0]


def _lived(consent: Consent, asker: Asker, told: Told) -> Consent:
    """The record after its closing, its reopening, or an opposition."""
    match told.what:
        case "closed" | "closing announced":
            motive = "FERMETURE_DEMANDE_REPRESENTANT" if asker.is_mandatary else "FERMETURE_DEMANDE_PATIENT"
            return close(consent, asker, ClosingWish(motive, "", *EVIDENCE), MOTIVES, told.at, TERMS)
        case "closing opposed":
            return oppose_closing(consent, asker)
        case "reopened":
            return reopen(consent, asker, Renewal(True, *EVIDENCE), told.at)
        case "opening opposed":
            return oppose_opening(consent, asker)
        case "deposit opposed":
            wish = OppositionWish(told.about, told.kind, told.until, "he knows me")
            return oppose(consent, asker, wish, tables(), told.at, opposition_id=f"o{told.at}")[0]
    return _allowed(consent, asker, told)


def _learnt(consent: Consent, told: Told) -> Consent:
    """What identity tells of a death, or that it was a mistake."""
    is_deceased, revision = told.what == "died", consent.person_revision + 1
    learnt = learn(consent, is_deceased=is_deceased, revision=revision, now=told.at, late_results=LATE_RESULTS)
    return learnt if is_deceased or learnt is consent else restart_opening(learnt, told.at, TO_OPPOSE)


def _allowed(consent: Consent, asker: Asker, told: Told) -> Consent:
    """All oppositions of an author and a class taken back."""
    ids = [
        one.id for one in consent.oppositions if (one.author, one.document_class) == (told.about, told.kind) and one.is_in_force(told.at)
    ]
    for one in ids or [""]:
        consent = allow(consent, asker, one, told.at)[0]
    return consent


def _glass(consent: Consent, asker: Asker, told: Told) -> Consent:
    if told.what == "glass mended":
        episode = consent.open_episode(told.about, told.place, told.at)
        return end_emergency(consent, asker, episode.id if episode else "", told.at)[0]
    check_may_break_glass(asker, tables())
    check_may_change(asker, consent)
    lasts = (told.until or told.at) - told.at
    return break_glass(consent, asker, told.at, lasts=lasts, episode_id=f"e{told.at}")[0]


def _statement(consent: Consent, told: Told) -> str:
    """Which statement a hand takes back: the newest of its kind that is in force."""
    kind = KINDS[told.undoes]
    found = [s.id for s in consent.statements if s.grantee == told.about and s.kind == kind and s.is_in_force(told.at)]
    return found[-1] if found else ""
