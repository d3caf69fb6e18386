"""What an identity status rests on, as software sends it."""

from datetime import UTC, datetime, timedelta

import pytest
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.identity_evidence import NO_EVIDENCE, IdentityEvidence, IdentityPaper, parse_evidence
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
TOLERANCE = timedelta(seconds=60)
GOOD = IdentityEvidence(insi_call_time=NOW, paper=IdentityPaper.PASSPORT, paper_check_time=NOW)


def _refusal(evidence: IdentityEvidence) -> tuple[str, str]:
    with pytest.raises(BrokenRule) as refused:
        parse_evidence(evidence, now=NOW, tolerance=TOLERANCE)
    return refused.value.reason, refused.value.field


def test_evidence_comes_back_as_it_was() -> None:
    for evidence in (GOOD, NO_EVIDENCE, IdentityEvidence(insi_call_time=NOW)):
        assert parse_evidence(evidence, now=NOW, tolerance=TOLERANCE) is evidence


@given(ahead=st.timedeltas(min_value=timedelta(days=-365), max_value=timedelta(days=365)))
def test_a_time_is_refused_exactly_when_it_lies_ahead_of_the_tolerance(ahead: timedelta) -> None:
    time = NOW + ahead
    call = IdentityEvidence(insi_call_time=time)
    seen = IdentityEvidence(paper=IdentityPaper.CIVIL_STATUS, paper_check_time=time)
    if ahead <= TOLERANCE:
        assert parse_evidence(call, now=NOW, tolerance=TOLERANCE) is call
        assert parse_evidence(seen, now=NOW, tolerance=TOLERANCE) is seen
    else:
        assert _refusal(call) == ("INVALID_FIELD", "identity_evidence.insi_call_time")
        assert _refusal(seen) == ("INVALID_FIELD", "identity_evidence.paper_check_time")


def test_a_paper_goes_with_the_time_it_was_seen() -> None:
    assert _refusal(IdentityEvidence(paper=IdentityPaper.PASSPORT)) == ("IDENTITY_EVIDENCE_REQUIRED", "identity_evidence.paper_check_time")
    assert _refusal(IdentityEvidence(paper_check_time=NOW)) == ("INVALID_FIELD", "identity_evidence.paper")
