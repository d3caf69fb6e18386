"""Which identity status beats which, what each rests on, and what a change of it needs (domain.md 1.1, RNIV)."""

from datetime import UTC, datetime
from itertools import permutations

import pytest
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.identity_evidence import NO_EVIDENCE, IdentityEvidence, IdentityPaper
from carnet_identity.domain.identity_status import (
    RESTS_ON,
    TRANSITIONS,
    IdentityAttribute,
    IdentityStatus,
    check_basis,
    is_open_to,
    kept_evidence,
    lowered,
    needed_for,
    stronger,
)

P, R, V, Q = IdentityStatus.PROVISIONAL, IdentityStatus.RETRIEVED, IdentityStatus.VALIDATED, IdentityStatus.QUALIFIED
HOMONYM, DOUBTFUL, FICTITIOUS = IdentityAttribute.HOMONYM, IdentityAttribute.DOUBTFUL, IdentityAttribute.FICTITIOUS
NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
CALL = IdentityEvidence(insi_call_time=NOW)
PAPER = IdentityEvidence(paper=IdentityPaper.PASSPORT, paper_check_time=NOW)
BOTH = IdentityEvidence(insi_call_time=NOW, paper=IdentityPaper.PASSPORT, paper_check_time=NOW)


@pytest.mark.parametrize(
    ("held", "vouched", "kept"),
    [
        *[(P, P, P), (P, R, R), (P, V, V), (P, Q, Q), (R, P, R), (R, R, R), (R, V, R), (R, Q, Q)],
        *[(V, P, V), (V, R, V), (V, V, V), (V, Q, Q), (Q, P, Q), (Q, R, Q), (Q, V, Q), (Q, Q, Q)],
    ],
)
def test_a_status_is_raised_and_never_lowered_by_registering(held: IdentityStatus, vouched: IdentityStatus, kept: IdentityStatus) -> None:
    assert stronger(held, vouched) is kept


def test_only_a_qualified_identity_may_carry_health_data() -> None:
    """Source: domain.md 1.1, table of statuses (REF-DMP)."""
    assert [status for status in IdentityStatus if status.may_carry_health_data] == [Q]


@pytest.mark.parametrize(
    ("status", "evidence", "missing"),
    [
        (P, NO_EVIDENCE, None),
        (R, CALL, None),
        (R, PAPER, "insi_call_time"),
        (V, PAPER, None),
        (V, CALL, "paper"),
        (Q, BOTH, None),
        (Q, CALL, "paper"),
        (Q, PAPER, "insi_call_time"),
        (Q, NO_EVIDENCE, "insi_call_time"),
    ],
)
def test_each_status_rests_on_what_the_table_says(status: IdentityStatus, evidence: IdentityEvidence, missing: str | None) -> None:
    """Source: domain.md 1.1, columns "INSi call done" and "identity paper checked"."""
    if missing is None:
        check_basis(evidence, RESTS_ON[status])
        return
    with pytest.raises(BrokenRule) as refused:
        check_basis(evidence, RESTS_ON[status])
    assert (refused.value.reason, refused.value.field) == ("IDENTITY_EVIDENCE_REQUIRED", f"identity_evidence.{missing}")


def test_the_table_has_every_transition_with_its_source() -> None:
    assert set(TRANSITIONS) == set(permutations(IdentityStatus, 2))
    assert all("RNIV" in source for _, source in TRANSITIONS.values())


def test_whatever_gains_proof_needs_all_the_status_rests_on_and_a_doubt_needs_nothing() -> None:
    """Two half proofs by two hands are not a whole one; a doubt takes a status away at once."""
    for (held, wanted), (basis, _) in TRANSITIONS.items():
        left = kept_evidence(kept_evidence(BOTH, held), wanted)
        assert basis == (RESTS_ON[P] if left == kept_evidence(BOTH, wanted) else RESTS_ON[wanted])
    assert all(needed_for(status, status) == RESTS_ON[P] for status in IdentityStatus)


@pytest.mark.parametrize("attribute", [DOUBTFUL, FICTITIOUS])
def test_a_doubtful_or_fictitious_identity_is_neither_validated_nor_qualified(attribute: IdentityAttribute) -> None:
    """Source: domain.md 1.1 (RNIV)."""
    for marks in ({attribute}, {attribute, HOMONYM}, {DOUBTFUL, FICTITIOUS}):
        assert [status for status in IdentityStatus if is_open_to(status, marks)] == [P, R]
        assert [lowered(status, marks) for status in (P, R, V, Q)] == [P, R, P, R]


def test_a_homonym_keeps_its_status() -> None:
    assert [lowered(status, {HOMONYM}) for status in IdentityStatus] == list(IdentityStatus)
    assert [lowered(status, set()) for status in IdentityStatus] == list(IdentityStatus)


def test_no_more_evidence_is_kept_than_the_status_rests_on() -> None:
    assert [kept_evidence(BOTH, status) for status in (P, R, V, Q)] == [NO_EVIDENCE, CALL, PAPER, BOTH]
