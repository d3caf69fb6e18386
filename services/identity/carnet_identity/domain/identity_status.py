"""How far an identity was verified (RNIV, domain.md 1.1), and which statement beats which.

A status is never lowered by what a later software says, and two half proofs by two hands are not a whole one: *retrieved*
and *validated* do not add up to *qualified*.
"""

from __future__ import annotations

from enum import Enum


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


_STRENGTH = {
    IdentityStatus.PROVISIONAL: 0,
    IdentityStatus.RETRIEVED: 1,
    IdentityStatus.VALIDATED: 1,
    IdentityStatus.QUALIFIED: 2,
}


def stronger(held: IdentityStatus, vouched: IdentityStatus) -> IdentityStatus:
    """The status to keep when one is held and another is vouched for."""
    return vouched if _STRENGTH[vouched] > _STRENGTH[held] else held
