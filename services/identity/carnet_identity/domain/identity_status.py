"""How far an identity was verified (RNIV, domain.md 1.1): what a status rests on, what a change of it needs, what beats what.

A status is never lowered by a later registration, and two half proofs by two hands are not a whole one: whoever vouches for a status
sends all that it rests on, so *retrieved* and *validated* do not add up to *qualified*. A doubtful or fictitious identity is neither
validated nor qualified.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.identity_evidence import EVIDENCE_REQUIRED, IdentityEvidence


class IdentityStatus(Enum):
    """The four statuses of the RNIV; the value is the name in the contract without its prefix."""

    PROVISIONAL = "PROVISIONAL"
    RETRIEVED = "RETRIEVED"
    VALIDATED = "VALIDATED"
    QUALIFIED = "QUALIFIED"

    @property
    def may_carry_health_data(self) -> bool:
        """Whether health data may be linked to the INS: under *qualified* alone."""
        return self is IdentityStatus.QUALIFIED


class IdentityAttribute(Enum):
    """What is to be known of an identity beside its status; the value is the name in the contract without its prefix."""

    HOMONYM = "HOMONYM"
    DOUBTFUL = "DOUBTFUL"
    FICTITIOUS = "FICTITIOUS"


@dataclass(frozen=True, slots=True)
class Basis:
    """What must have been done."""

    needs_insi_call: bool
    needs_paper: bool


_NOTHING, _INSI, _PAPER, _BOTH = Basis(False, False), Basis(True, False), Basis(False, True), Basis(True, True)
_P, _R, _V, _Q = IdentityStatus.PROVISIONAL, IdentityStatus.RETRIEVED, IdentityStatus.VALIDATED, IdentityStatus.QUALIFIED

RESTS_ON: Mapping[IdentityStatus, Basis] = {_P: _NOTHING, _R: _INSI, _V: _PAPER, _Q: _BOTH}
"""The four statuses by what was done (domain.md 1.1, table of the RNIV)."""

TRANSITIONS: Mapping[tuple[IdentityStatus, IdentityStatus], tuple[Basis, str]] = {
    (_P, _R): (_INSI, "RNIV, récupérée: INSi was called"),
    (_P, _V): (_PAPER, "RNIV, validée: a paper of high confidence was seen"),
    (_P, _Q): (_BOTH, "RNIV, qualifiée: both, found to agree"),
    (_R, _V): (_PAPER, "RNIV, validée: a paper was seen, and what INSi gave is not this person's"),
    (_R, _Q): (_BOTH, "RNIV, qualifiée: whoever sees the paper compares it with what INSi gave"),
    (_V, _R): (_INSI, "RNIV, récupérée: INSi was called, and the paper is no longer believed"),
    (_V, _Q): (_BOTH, "RNIV, qualifiée: whoever calls INSi compares its answer with the paper"),
    (_R, _P): (_NOTHING, "RNIV, provisoire: what INSi gave is no longer believed"),
    (_V, _P): (_NOTHING, "RNIV, provisoire: the paper is no longer believed"),
    (_Q, _R): (_NOTHING, "RNIV: the paper is no longer believed"),
    (_Q, _V): (_NOTHING, "RNIV: INSi no longer confirms the traits"),
    (_Q, _P): (_NOTHING, "RNIV: neither is believed any more"),
}
"""From one status to another: what must be sent for it, and the source. A doubt takes a status away with no evidence."""

FORBIDDING: AbstractSet[IdentityAttribute] = frozenset({IdentityAttribute.DOUBTFUL, IdentityAttribute.FICTITIOUS})
"""Under these no identity is validated or qualified (RNIV; domain.md 1.1)."""
_FORBIDDEN: Mapping[IdentityStatus, IdentityStatus] = {_V: _P, _Q: _R}
"""What is left of a status that rests on a paper when the person before it is in doubt."""
_STRENGTH = {_P: 0, _R: 1, _V: 1, _Q: 2}


def stronger(held: IdentityStatus, vouched: IdentityStatus) -> IdentityStatus:
    """The status to keep when one is held and another is vouched for."""
    return vouched if _STRENGTH[vouched] > _STRENGTH[held] else held


def is_open_to(status: IdentityStatus, attributes: AbstractSet[IdentityAttribute]) -> bool:
    """Whether an identity of these attributes may have a status."""
    return status not in _FORBIDDEN or not attributes & FORBIDDING


def lowered(status: IdentityStatus, attributes: AbstractSet[IdentityAttribute]) -> IdentityStatus:
    """The status as far as the attributes leave it."""
    return status if is_open_to(status, attributes) else _FORBIDDEN[status]


def needed_for(held: IdentityStatus, wanted: IdentityStatus) -> Basis:
    """What must be sent to change a status; nothing where it stays."""
    return _NOTHING if held is wanted else TRANSITIONS[held, wanted][0]


def check_basis(evidence: IdentityEvidence, basis: Basis, *, field: str = "identity_evidence") -> None:
    """Refuses evidence that lacks what is needed.

    Raises:
        BrokenRule: IDENTITY_EVIDENCE_REQUIRED, naming what is missing.
    """
    if basis.needs_insi_call and evidence.insi_call_time is None:
        raise BrokenRule(f"{field}.insi_call_time", "this status rests on a call of INSi", reason=EVIDENCE_REQUIRED)
    if basis.needs_paper and evidence.paper is None:
        raise BrokenRule(f"{field}.paper", "this status rests on an identity paper", reason=EVIDENCE_REQUIRED)


def kept_evidence(evidence: IdentityEvidence, status: IdentityStatus) -> IdentityEvidence:
    """Of the evidence what a status rests on: nothing more is kept."""
    basis = RESTS_ON[status]
    return IdentityEvidence(
        insi_call_time=evidence.insi_call_time if basis.needs_insi_call else None,
        paper=evidence.paper if basis.needs_paper else None,
        paper_check_time=evidence.paper_check_time if basis.needs_paper else None,
    )
