"""An explanation and a decision are one truth: the same answer, under the same rule, up to the rule that refused."""

from dataclasses import replace

from carnet_consent.domain.asker import Action, Asker
from carnet_consent.domain.consent import AttendingPhysician, Consent, NamedHide, RecordState
from carnet_consent.domain.context import Question
from carnet_consent.domain.decision import Unreadable, decide
from carnet_consent.domain.explanation import explain
from carnet_consent.domain.filter import DocumentFacts
from carnet_consent.domain.mandate import Mandate, MandateKind
from carnet_consent.domain.outcome import Permit
from carnet_consent.domain.step import StepOutcome
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.consent.builders import DOCTOR, HOLDER, HOLDER_ASKS, HOSPITAL, NOW, reading, record, record_stating, statement, tables
from unit.consent.test_monotonicity import DOCUMENTS, askers, records

MANDATES = (
    None,
    Mandate("mandates/m", HOLDER, MandateKind.MINOR_REPRESENTATION),
    Mandate("mandates/m", HOLDER, MandateKind.CAREGIVING, classes=("10",), hidden_structures=(HOSPITAL,)),
    Mandate("mandates/m", HOLDER, MandateKind.ADULT_REPRESENTATION, end=NOW),
    Mandate("mandates/m", "patients/other", MandateKind.ADULT_REPRESENTATION),
)
persons = st.builds(
    lambda who, role, mandate: Asker(who, role, "", "PATIENT_REQUEST", mandate=mandate),
    st.sampled_from((HOLDER, "patients/other")),
    st.sampled_from(("PATIENT", "REPRESENTATIVE", "CAREGIVER")),
    st.sampled_from(MANDATES),
)
odd = st.builds(
    lambda who, changes: replace(who, **changes),
    askers,
    st.sampled_from(({"is_withdrawn": True}, {"subject": HOSPITAL}, {"role": ""}, {"role": "36"}, {"is_dispatch_doctor": False})),
)
questions = st.builds(
    lambda who, action, is_own: Question(who, who.purpose if is_own else "TREATMENT", action),
    st.one_of(askers, askers, persons, odd),
    st.sampled_from((Action.READ, Action.READ, Action.READ, *Action)),
    st.sampled_from((True, True, False)),
)
found = st.one_of(
    records(),
    records().map(lambda consent: replace(consent, state=RecordState.CLOSED)),
    st.just(None),
    st.builds(Unreadable),
    st.just(record_stating("two attending physicians")),
)


@settings(max_examples=200, deadline=None)
@given(questions, found, st.sampled_from((None, *DOCUMENTS)))
def test_an_explanation_never_differs_from_the_decision(
    question: Question, consent: Consent | Unreadable | None, document: DocumentFacts | None
) -> None:
    explanation = explain(question, consent, tables(), NOW, document)
    decision = decide(question, consent, tables(), NOW)
    passes = isinstance(decision.outcome, Permit) and (document is None or decision.outcome.filter.passes(document))

    assert explanation.allows == passes
    assert explanation.decision == decision
    *before, last = explanation.steps
    assert all(step.outcome in {StepOutcome.PASSED, StepOutcome.DID_NOT_APPLY} for step in before)
    assert (last.outcome is StepOutcome.REFUSED) == (not passes)
    if not decision.permits:
        assert (last.rule, last.source) == (decision.rule, decision.source)
    assert len({step.key for step in explanation.steps}) == len(explanation.steps), "each rule is looked at once"


def told(who: Asker, consent: Consent | Unreadable | None, document: DocumentFacts | None = None) -> list[tuple[str, str]]:
    """The steps from the record on, as key and outcome."""
    steps = [(step.key, step.outcome.value) for step in explain(reading(who), consent, tables(), NOW, document).steps]
    return steps[[key for key, _ in steps].index("record") :]


def test_a_block_ends_the_list_before_any_authorisation() -> None:
    blocked = record(statement("STANDING", DOCTOR.subject), statement("BLOCK", DOCTOR.structure, number=1))

    assert told(DOCTOR, blocked) == [
        ("record", "PASSED"),
        ("record-readable", "PASSED"),
        ("state", "PASSED"),
        ("block-of-the-person", "PASSED"),
        ("block-of-the-structure", "REFUSED"),
    ]


def test_nothing_stated_is_told_after_every_rule_of_precedence() -> None:
    assert told(DOCTOR, record())[3:] == [
        ("block-of-the-person", "PASSED"),
        ("block-of-the-structure", "PASSED"),
        ("authorisation-of-the-person", "DID_NOT_APPLY"),
        ("authorisation-of-the-structure", "DID_NOT_APPLY"),
        ("care-relation", "DID_NOT_APPLY"),
        ("consent-stated", "REFUSED"),
    ]


def test_a_masked_document_is_refused_by_its_label_and_opened_to_who_deposited_it() -> None:
    consent = record(statement("CARE_RELATION", HOSPITAL))
    masked = DocumentFacts("records/r/documents/d", "10", "11502-2", ("MASQUE_PS",), "professionals/other", "structures/lab")

    assert told(DOCTOR, consent, masked)[7:] == [
        ("care-relation", "PASSED"),
        ("habilitation", "PASSED"),
        ("hidden-by-name", "PASSED"),
        ("hidden-place", "PASSED"),
        ("own-deposit", "DID_NOT_APPLY"),
        ("deposit-of-the-structure", "DID_NOT_APPLY"),
        ("labels", "REFUSED"),
    ]
    assert told(DOCTOR, consent, replace(masked, depositor=DOCTOR.subject))[-1] == ("own-deposit", "PASSED")
    confirmed = replace(consent, attending_physicians=(AttendingPhysician(DOCTOR.subject, is_confirmed=True),))
    assert told(DOCTOR, confirmed, masked)[-1] == ("habilitation-of-the-document", "PASSED")
    hidden = replace(confirmed, hides=(NamedHide(masked.name, HOSPITAL),))
    assert told(DOCTOR, hidden, masked)[-1] == ("hidden-by-name", "REFUSED")


def test_an_emergency_is_told_by_its_own_rules() -> None:
    breaking = replace(DOCTOR, purpose="BREAK_GLASS")

    assert told(breaking, record_stating("emergency of doctor, block of doctor"))[3:] == [
        ("emergency-profession", "PASSED"),
        ("break-glass-accepted", "PASSED"),
        ("episode", "PASSED"),
        ("habilitation", "PASSED"),
    ]
    assert told(breaking, record_stating("opposed to breaking the glass"))[-1] == ("break-glass-accepted", "REFUSED")
    assert told(breaking, record())[-1] == ("episode", "REFUSED")


def test_an_ended_session_is_no_part_of_what_is_kept_by_date() -> None:
    steps = explain(reading(HOLDER_ASKS), record(), tables(), NOW, None).steps

    assert steps[0].key == "session"
    assert steps[0].outcome is StepOutcome.DID_NOT_APPLY
