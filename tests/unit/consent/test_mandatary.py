"""Acting for another person: what a representative and a caregiver may do in whose record."""

from dataclasses import replace
from datetime import timedelta

import pytest
from carnet_consent.domain.asker import Action, Asker
from carnet_consent.domain.consent import AttendingPhysician, Consent, NamedHide, RecordState, StatementKind, Switches
from carnet_consent.domain.context import Question
from carnet_consent.domain.decision import decide
from carnet_consent.domain.filter import DocumentFacts
from carnet_consent.domain.hiding import hide, set_switches, unhide
from carnet_consent.domain.mandate import Mandate, MandateKind
from carnet_consent.domain.opening import Availability, Opening, availability, check_may_look_up, check_may_open, open_record
from carnet_consent.domain.outcome import Denial, Permit
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.stating import Durations, Wish, state
from hypothesis import given
from hypothesis import strategies as st
from unit.consent.builders import CLINIC, HOLDER, HOLDER_ASKS, HOSPITAL, HOUR, NOW, RECORD, record, tables

MINOR, ADULT, CARE = MandateKind.MINOR_REPRESENTATION, MandateKind.ADULT_REPRESENTATION, MandateKind.CAREGIVING
SECRET, ANNOUNCED_LATER, MASKED = "INVISIBLE_REPRESENTANTS_LEGAUX", "INVISIBLE_PATIENT", "MASQUE_PS"
MOTHER = "patients/mother"


def acting(kind: MandateKind = MINOR, **changes: object) -> Asker:
    """The mother, under a mandate for the holder of the record."""
    mandate = Mandate("mandates/m", HOLDER, kind, NOW + HOUR, ("31",) if kind == CARE else ())
    role = "CAREGIVER" if kind == CARE else "REPRESENTATIVE"
    return Asker(MOTHER, role, "", "PATIENT_REQUEST", mandate=replace(mandate, **changes))  # type: ignore[arg-type]


def document(
    label: str = "", *, document_class: str = "10", structure: str = HOSPITAL, depositor: str = "professionals/p"
) -> DocumentFacts:
    """A document of the record."""
    return DocumentFacts(f"{RECORD}/documents/d", document_class, "11502-2", (label,) if label else (), depositor, structure)


def asked(asker: Asker, action: Action = Action.READ, consent: Consent | None = None) -> Permit | str:
    """The permit, or the reason of the denial."""
    outcome = decide(Question(asker, "PATIENT_REQUEST", action), consent or record(), tables(), NOW).outcome
    return outcome.reason if isinstance(outcome, Denial) else outcome


def sees(asker: Asker, seen: DocumentFacts, consent: Consent | None = None) -> bool:
    """Whether a document passes."""
    permit = asked(asker, consent=consent)
    assert isinstance(permit, Permit)
    return permit.filter.passes(seen)


@pytest.mark.parametrize(
    ("kind", "label", "is_seen"),
    [
        (MINOR, "", True),
        (MINOR, SECRET, False),
        (MINOR, ANNOUNCED_LATER, False),
        (MINOR, MASKED, True),
        (ADULT, "", True),
        (ADULT, SECRET, True),
        (ADULT, ANNOUNCED_LATER, False),
        (CARE, SECRET, False),
        (CARE, ANNOUNCED_LATER, False),
    ],
)
def test_a_representative_reads_what_the_holder_reads_but_a_minors_secrets(kind: MandateKind, label: str, *, is_seen: bool) -> None:
    """rules.md 12: INVISIBLE_REPRESENTANTS_LEGAUX concerns minors' mandates."""
    assert sees(acting(kind), document(label, document_class="31")) == is_seen


def test_a_caregiver_reads_the_classes_of_her_scope_alone() -> None:
    """rules.md 13."""
    assert sees(acting(CARE), document(document_class="31"))
    assert not sees(acting(CARE), document(document_class="10"))
    assert asked(acting(CARE, classes=())) == "ROLE_NOT_ALLOWED"


@pytest.mark.parametrize("kind", list(MandateKind))
def test_a_document_hidden_from_a_person_by_name_is_hidden_from_her(kind: MandateKind) -> None:
    """rules.md 13: from a professional, a structure, a representative, a caregiver."""
    seen = document(document_class="31")
    hidden = replace(record(), hides=(NamedHide(seen.name, MOTHER),))
    assert sees(acting(kind), seen)
    assert not sees(acting(kind), seen, hidden)
    assert sees(acting(kind), seen, replace(hidden, hides=(NamedHide(seen.name, "patients/father"),)))


@pytest.mark.parametrize("kind", list(MandateKind))
def test_a_place_of_care_hidden_from_the_mandataries_is_not_seen(kind: MandateKind) -> None:
    """Whoever deposited there, and whatever else would let it pass."""
    asker = acting(kind, hidden_structures=(HOSPITAL,))
    assert not sees(asker, document(document_class="31"))
    assert not sees(asker, document(document_class="31", depositor=""))
    assert sees(asker, document(document_class="31", structure=CLINIC))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"holder": "patients/other"}, "NOT_FOUND"),
        ({"end": NOW}, "MANDATE_NOT_IN_FORCE"),
        ({"end": NOW - HOUR}, "MANDATE_NOT_IN_FORCE"),
    ],
)
@pytest.mark.parametrize("kind", list(MandateKind))
def test_a_mandate_covers_one_holder_and_ends(kind: MandateKind, changes: dict[str, object], reason: str) -> None:
    for action in Action:
        assert asked(acting(kind, **changes), action) == reason


@pytest.mark.parametrize("role", ["REPRESENTATIVE", "CAREGIVER"])
def test_a_mandatary_without_a_mandate_is_refused_before_any_record(role: str) -> None:
    for action in Action:
        assert asked(Asker(MOTHER, role, "", "PATIENT_REQUEST"), action) == "MANDATE_NOT_IN_FORCE"


def test_a_mandatary_acts_at_a_persons_request_and_never_in_care() -> None:
    for purpose in ("TREATMENT", "BREAK_GLASS", "EMERGENCY_DISPATCH", "SYSTEM_DEPOSIT"):
        asker = replace(acting(), purpose=purpose)
        outcome = decide(Question(asker, purpose, Action.READ), record(), tables(), NOW).outcome
        assert isinstance(outcome, Denial)
        assert outcome.reason == "PURPOSE_NOT_ALLOWED"


def test_a_withdrawn_mandate_is_refused_whatever_is_asked() -> None:
    """Promise 2."""
    for action in Action:
        assert asked(replace(acting(), is_withdrawn=True), action) == "SESSION_WITHDRAWN"


@pytest.mark.parametrize(
    ("kind", "action", "is_permitted"),
    [
        (MINOR, Action.READ, True),
        (MINOR, Action.DEPOSIT, True),
        (MINOR, Action.MANAGE, True),
        (MINOR, Action.READ_HISTORY, False),
        (ADULT, Action.READ, True),
        (ADULT, Action.DEPOSIT, True),
        (ADULT, Action.MANAGE, False),
        (ADULT, Action.READ_HISTORY, False),
        (CARE, Action.READ, True),
        (CARE, Action.DEPOSIT, False),
        (CARE, Action.MANAGE, False),
        (CARE, Action.READ_HISTORY, False),
    ],
)
def test_what_each_kind_of_mandate_covers(kind: MandateKind, action: Action, *, is_permitted: bool) -> None:
    """domain.md 1.3: a minor's record is managed by her representatives; what is not clear is refused."""
    answer = asked(acting(kind), action)
    assert isinstance(answer, Permit) if is_permitted else answer == "ROLE_NOT_ALLOWED"
    if isinstance(answer, Permit):
        assert answer.ends == NOW + HOUR, "a permit ends with the mandate"
    closed = replace(record(), state=RecordState.CLOSED)
    assert asked(acting(kind), action, closed) == "RECORD_CLOSED", "a closed record is for its holder alone"


def test_a_representative_deposits_what_the_table_says() -> None:
    """data/matrice-depot.csv: RL, class 90."""
    permit = asked(acting(), Action.DEPOSIT)
    assert isinstance(permit, Permit)
    assert permit.filter.rights == tables().may_deposit("RL")
    assert permit.filter.rights.cover("90", "DOCPAT01")
    assert not permit.filter.rights.cover("10", "11502-2")


kinds = st.sampled_from(list(MandateKind))
labels = st.sampled_from(["", SECRET, ANNOUNCED_LATER, MASKED])


@given(
    kind=kinds,
    label=labels,
    document_class=st.sampled_from(["10", "31", "90", "60"]),
    structure=st.sampled_from([HOSPITAL, CLINIC]),
    is_hidden=st.booleans(),
    is_place_hidden=st.booleans(),
)
def test_nobody_sees_more_for_a_person_than_she_sees_herself(
    kind: MandateKind, label: str, document_class: str, structure: str, *, is_hidden: bool, is_place_hidden: bool
) -> None:
    """Metamorphic: a mandate never opens what is closed to the holder, and one more hiding never opens anything."""
    seen = document(label, document_class=document_class, structure=structure)
    consent = replace(record(), hides=(NamedHide(seen.name, MOTHER),)) if is_hidden else record()
    asker = acting(kind, hidden_structures=(HOSPITAL,) if is_place_hidden else ())
    assert sees(asker, seen, consent) <= sees(HOLDER_ASKS, seen, consent)
    assert sees(asker, seen, consent) <= sees(acting(kind), seen)


def broken(call: object) -> str:
    """The reason a change is refused with."""
    with pytest.raises(RuleBrokenError) as caught:
        call()  # type: ignore[operator]
    return caught.value.reason


def test_a_minors_representative_states_what_the_holder_states() -> None:
    """domain.md 1.3; each under her own name."""
    wish = Wish("professionals/doctor", StatementKind.BLOCK)
    after, statement = state(record(), acting(), wish, NOW, Durations(), statement_id="s")
    assert (statement.stated_by, after.statements) == (MOTHER, (statement,))
    assert set_switches(record(), acting(), Switches(break_glass=False), NOW).switches == Switches(break_glass=False)
    opening = Opening(HOLDER, "form", "v3", "signed", Switches())
    check_may_open(acting(), opening)
    opened = open_record(acting(), opening, NOW, Durations(), record="records/new", statement_id="s")
    assert (opened.statements, opened.evidence.collected_by) == ((), MOTHER)


@pytest.mark.parametrize(
    "asker", [acting(ADULT), acting(CARE), acting(holder="patients/other"), Asker(MOTHER, "REPRESENTATIVE", "", "PATIENT_REQUEST")]
)
def test_nobody_else_changes_a_record_for_its_holder(asker: Asker) -> None:
    opening = Opening(HOLDER, "form", "v3", "signed", Switches())
    wish = Wish("professionals/doctor", StatementKind.STANDING, end=NOW + timedelta(days=1))
    assert broken(lambda: state(record(), asker, wish, NOW, Durations(), statement_id="s")) == "NOT_FOUND"
    assert broken(lambda: set_switches(record(), asker, Switches(), NOW)) in {"ROLE_NOT_ALLOWED", "NOT_FOUND"}
    assert broken(lambda: check_may_open(asker, opening)) == "ROLE_NOT_ALLOWED"


def test_what_is_hidden_from_who_acts_for_her_is_the_holders_own_matter() -> None:
    hidden = NamedHide(f"{RECORD}/documents/d", MOTHER)
    with_it = hide(record(), HOLDER_ASKS, hidden)
    assert broken(lambda: hide(record(), acting(), NamedHide(hidden.document, "patients/father"))) == "ROLE_NOT_ALLOWED"
    assert broken(lambda: unhide(with_it, acting(), hidden)) == "ROLE_NOT_ALLOWED"
    hide(record(), acting(), NamedHide(hidden.document, "professionals/doctor"))


def test_a_mandatary_looks_up_the_record_of_whom_she_acts_for() -> None:
    check_may_look_up(acting(CARE), HOLDER)
    assert availability(
        replace(record(), attending_physicians=(AttendingPhysician("professionals/p", is_confirmed=True),)), acting(), NOW
    ) == (Availability.AUTHORISED)
    for asker, patient in ((acting(), MOTHER), (acting(), "patients/other"), (replace(acting(), mandate=None), HOLDER)):
        assert broken(lambda asker=asker, patient=patient: check_may_look_up(asker, patient)) == "ROLE_NOT_ALLOWED"
