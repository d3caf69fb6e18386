"""Trial C2, metamorphic: one more refusal never adds a permit, and what has ended and is asked again is refused."""

from dataclasses import replace
from datetime import timedelta

from carnet_consent.domain.asker import Asker
from carnet_consent.domain.consent import AttendingPhysician, Consent, Episode, NamedHide, RecordState, Statement, StatementKind, Switches
from carnet_consent.domain.decision import decide
from carnet_consent.domain.filter import DocumentFacts
from carnet_consent.domain.outcome import Permit
from hypothesis import given
from hypothesis import strategies as st
from unit.consent.builders import CLINIC, HOSPITAL, NOW, reading, record, tables

PEOPLE = ("professionals/a", "professionals/b")
PLACES = (HOSPITAL, CLINIC)
DOCUMENTS = tuple(
    DocumentFacts(f"records/r/documents/{number}", document_class, document_type, labels, depositor, structure)
    for number, (document_class, document_type, labels, depositor, structure) in enumerate(
        (
            ("10", "11502-2", (), "professionals/b", HOSPITAL),
            ("10", "11502-2", ("MASQUE_PS",), "professionals/a", HOSPITAL),
            ("10", "11502-2", ("MASQUE_PS",), "", HOSPITAL),
            ("52", "ATTEST-RESID", ("INVISIBLE_PATIENT",), "", CLINIC),
            ("", "IN-NO-TABLE", (), "professionals/b", CLINIC),
        )
    )
)
grantees = st.sampled_from(PEOPLE + PLACES)
ends = st.one_of(st.none(), st.integers(-2, 3).map(lambda hours: NOW + timedelta(hours=hours)))
statements = st.builds(
    lambda grantee, kind, end: Statement("", grantee, kind, NOW - timedelta(days=2), end, "patients/holder"),
    grantees,
    st.sampled_from(StatementKind),
    ends,
)
hides = st.builds(NamedHide, st.sampled_from([document.name for document in DOCUMENTS]), grantees)
episodes = st.builds(
    lambda who, where, hours: Episode("e", who, where, NOW - timedelta(hours=3), NOW + timedelta(hours=hours)),
    st.sampled_from(PEOPLE),
    st.sampled_from(PLACES),
    st.integers(-2, 2),
)
switches = st.builds(Switches, st.booleans(), st.booleans(), st.booleans()).filter(lambda s: not s.contradict_each_other)
askers = st.builds(
    lambda who, role, where, purpose: Asker(who, role, where, purpose, is_dispatch_doctor=True),
    st.sampled_from(PEOPLE),
    st.sampled_from(("10", "60", "21", "SOC")),
    st.sampled_from((*PLACES, "")),
    st.sampled_from(("TREATMENT", "BREAK_GLASS", "EMERGENCY_DISPATCH")),
)


@st.composite
def records(draw: st.DrawFn) -> Consent:
    """Any record that does not contradict itself."""
    stated = draw(st.lists(statements, max_size=5))
    confirmed = draw(st.sampled_from((None, *PEOPLE)))
    return replace(
        record(*(replace(one, id=f"s{number}") for number, one in enumerate(stated))),
        hides=tuple(draw(st.lists(hides, max_size=3))),
        episodes=tuple(draw(st.lists(episodes, max_size=2))),
        switches=draw(switches),
        attending_physicians=(AttendingPhysician(confirmed, is_confirmed=True),) if confirmed else (),
    )


def opened(asker: Asker, consent: Consent) -> frozenset[str]:
    """The documents an asker gets to see."""
    outcome = decide(reading(asker), consent, tables(), NOW).outcome
    if not isinstance(outcome, Permit):
        return frozenset()
    return frozenset(document.name for document in DOCUMENTS if outcome.filter.passes(document))


def with_block(consent: Consent, grantee: str) -> Consent:
    """The record with one more block."""
    block = Statement("more", grantee, StatementKind.BLOCK, NOW - timedelta(hours=1), None, "patients/holder")
    return replace(consent, statements=(*consent.statements, block))


@given(askers, records(), grantees)
def test_one_more_block_opens_no_document(asker: Asker, consent: Consent, grantee: str) -> None:
    assert opened(asker, with_block(consent, grantee)) <= opened(asker, consent)


@given(askers, records(), hides)
def test_one_more_hiding_opens_no_document_and_closes_what_it_names(asker: Asker, consent: Consent, hide: NamedHide) -> None:
    after = opened(asker, replace(consent, hides=(*consent.hides, hide)))

    assert after <= opened(asker, consent)
    assert hide.document not in after or hide.grantee not in asker.grantees


@given(askers, records(), st.integers(0, 4))
def test_one_statement_less_that_authorises_opens_no_document(asker: Asker, consent: Consent, which: int) -> None:
    kept = tuple(s for n, s in enumerate(consent.statements) if n != which or s.kind == StatementKind.BLOCK)

    assert opened(asker, replace(consent, statements=kept)) <= opened(asker, consent)


@given(askers, records())
def test_opposing_both_emergencies_opens_no_document(asker: Asker, consent: Consent) -> None:
    opposed = replace(consent, switches=Switches(dispatch=False, break_glass=False))

    assert opened(asker, opposed) <= opened(asker, consent)
    assert not opened(asker, opposed) or asker.purpose == "TREATMENT"


@given(askers, records())
def test_a_withdrawn_session_a_missing_structure_or_a_closed_record_opens_nothing(asker: Asker, consent: Consent) -> None:
    assert not opened(replace(asker, is_withdrawn=True), consent)
    assert not opened(replace(asker, structure=""), consent)
    assert not opened(asker, replace(consent, state=RecordState.CLOSED))


@given(askers, records())
def test_expiry_then_asking_again_is_a_refusal(asker: Asker, consent: Consent) -> None:
    """A permit names when its facts end; when everything that ends has ended, only what has no end may still permit."""
    endless = tuple(s for s in consent.statements if s.end is None)
    later = NOW + timedelta(hours=4)
    decision = decide(reading(asker), consent, tables(), later)

    assert decision.permits == decide(reading(asker), replace(consent, statements=endless, episodes=()), tables(), later).permits


@given(askers, records())
def test_a_permit_ends_in_the_future(asker: Asker, consent: Consent) -> None:
    outcome = decide(reading(asker), consent, tables(), NOW).outcome

    assert not isinstance(outcome, Permit) or outcome.ends is None or outcome.ends > NOW
