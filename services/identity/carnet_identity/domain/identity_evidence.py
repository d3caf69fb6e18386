"""What an identity status rests on (RNIV): when INSi was called, which paper was seen and when.

Refuses times that lie ahead, a paper without the time it was seen, and a time without its paper. What a status needs of it is for
`identity_status`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from carnet_identity.domain.broken_rule import BrokenRule

EVIDENCE_REQUIRED = "IDENTITY_EVIDENCE_REQUIRED"


class IdentityPaper(Enum):
    """The paper that was seen; the value is the name in the contract without its prefix."""

    NATIONAL_CARD = "NATIONAL_CARD"
    PASSPORT = "PASSPORT"
    RESIDENCE_PERMIT = "RESIDENCE_PERMIT"
    CIVIL_STATUS = "CIVIL_STATUS"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityEvidence:
    """Instants in UTC; None for what was not done."""

    insi_call_time: datetime | None = None
    paper: IdentityPaper | None = None
    paper_check_time: datetime | None = None


NO_EVIDENCE = IdentityEvidence()


def parse_evidence(
    evidence: IdentityEvidence, *, now: datetime, tolerance: timedelta, field: str = "identity_evidence"
) -> IdentityEvidence:
    """The evidence itself, checked.

    Args:
        evidence: as the software sent it.
        now: in UTC.
        tolerance: how far a software's clock may be ahead.
        field: path of the evidence in the message that held it.

    Raises:
        BrokenRule: INVALID_FIELD, for a time ahead or without its paper; IDENTITY_EVIDENCE_REQUIRED, for a paper without its time.
    """
    for name in ("insi_call_time", "paper_check_time"):
        time: datetime | None = getattr(evidence, name)
        if time is not None and time > now + tolerance:
            raise BrokenRule(f"{field}.{name}", "what an identity rests on does not lie ahead")
    if evidence.paper is not None and evidence.paper_check_time is None:
        raise BrokenRule(f"{field}.paper_check_time", "required with the paper", reason=EVIDENCE_REQUIRED)
    if evidence.paper is None and evidence.paper_check_time is not None:
        raise BrokenRule(f"{field}.paper", "required with the time it was seen")
    return evidence
