"""Which certificates speak for a structure or system without a user: a table read from a data file, refused by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.finess import parse_finess

_ROLES = frozenset({"STRUCTURE", "INSURER"})
_FIELDS = frozenset({"role", "finess", "asserts_users"})


@dataclass(frozen=True, slots=True)
class System:
    """What a certificate stands for."""

    role: str
    finess: str
    asserts_users: bool = False
    """Whether it may name users whom its structure authenticated itself (rules.md 11)."""


def read_systems(document: Mapping[str, Any]) -> Mapping[str, System]:
    """The table of a parsed data file: URI name of a certificate -> role and FINESS of its structure.

    Raises:
        BrokenRule: for a row that says something else; a wrong row must stop the start.
    """
    systems: dict[str, System] = {}
    for uri, row in document.items():
        if not uri.startswith("spiffe://") or not isinstance(row, Mapping) or row.get("role") not in _ROLES:
            raise BrokenRule(uri, "a system is the URI name of a certificate with role STRUCTURE or INSURER, and finess")
        asserts_users = row.get("asserts_users", False)
        if not set(row) <= _FIELDS or not isinstance(asserts_users, bool) or (asserts_users and row["role"] != "STRUCTURE"):
            raise BrokenRule(uri, "a system has role, finess and, where it is a STRUCTURE that may name its users, asserts_users = true")
        systems[uri] = System(row["role"], parse_finess(str(row.get("finess", "")), field=uri), asserts_users)
    return systems
