"""Which purposes are open to whom: a table read from a data file, refused by default.

Who may *break the glass* on a record is decided in one place, by consent; here the purpose is only open or not to a role at all.
Dispatch needs besides its row the identity provider's word that the professional regulates calls of Centre 15 (domain.md 1.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.directory import PROFESSIONS

SYSTEM_ROLES = frozenset({"PATIENT", "REPRESENTATIVE", "CAREGIVER", "STRUCTURE", "INSURER"})
PURPOSES = frozenset({"TREATMENT", "BREAK_GLASS", "EMERGENCY_DISPATCH", "PATIENT_REQUEST", "SYSTEM_DEPOSIT", "OPERATIONS"})
_EVERY_PROFESSION = "PROFESSIONAL"
_DISPATCH = "EMERGENCY_DISPATCH"


@dataclass(frozen=True, slots=True)
class PurposeTable:
    """The purposes of each role: a TRE_G15 code, PROFESSIONAL for every one of them, or a role beside the professions."""

    rows: Mapping[str, frozenset[str]]

    def check(self, role: str, purpose: str, *, is_dispatcher: bool = False) -> None:
        """Refuses a purpose that is not open to a role.

        Raises:
            BrokenRule: PURPOSE_NOT_ALLOWED.
        """
        open_to_role = self.rows.get(role, frozenset())
        if role in PROFESSIONS:
            open_to_role |= self.rows.get(_EVERY_PROFESSION, frozenset())
        if purpose not in open_to_role:
            raise BrokenRule("purpose", "this purpose is not open to this user", reason="PURPOSE_NOT_ALLOWED")
        if purpose == _DISPATCH and not is_dispatcher:
            raise BrokenRule("purpose", "the identity provider says who regulates calls of Centre 15", reason="PURPOSE_NOT_ALLOWED")


def read_purposes(document: Mapping[str, Any]) -> PurposeTable:
    """The table of a parsed data file: role -> list of purposes.

    Raises:
        BrokenRule: for a role or purpose that does not exist; a misspelt row must stop the start.
    """
    rows: dict[str, frozenset[str]] = {}
    for role, purposes in document.items():
        if role not in PROFESSIONS | SYSTEM_ROLES | {_EVERY_PROFESSION}:
            raise BrokenRule(str(role), f"a role is a code of TRE_G15, PROFESSIONAL, or one of {', '.join(sorted(SYSTEM_ROLES))}")
        if not isinstance(purposes, list) or not PURPOSES.issuperset(purposes):
            raise BrokenRule(str(role), "the purposes of a role are a list of purposes of use")
        rows[role] = frozenset(purposes)
    return PurposeTable(rows)
