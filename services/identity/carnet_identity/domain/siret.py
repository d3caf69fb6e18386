"""SIREN and SIRET numbers of a structure (domain.md 1.2): nine and fourteen digits, the last a Luhn key; La Poste is the exception.

The sites of La Poste (SIREN 356000000) outnumber what a Luhn key allows: the digits of their SIRET add up to a multiple of five instead.
"""

from __future__ import annotations

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.luhn import has_luhn_key

SIREN_LENGTH, SIRET_LENGTH = 9, 14
_LA_POSTE = "356000000"


def parse_siren(value: str, *, field: str = "siren") -> str:
    """The SIREN without blanks; BrokenRule when it is not nine digits or fails its key."""
    return _parsed(value, SIREN_LENGTH, field, "a SIREN has nine digits, the last the Luhn key of the others")


def parse_siret(value: str, *, field: str = "siret") -> str:
    """The SIRET without blanks; BrokenRule when it is not fourteen digits or fails its key."""
    digits = value.replace(" ", "")
    if digits.startswith(_LA_POSTE) and len(digits) == SIRET_LENGTH and digits.isascii() and digits.isdigit():
        if has_luhn_key(digits) or sum(map(int, digits)) % 5 == 0:
            return digits
        raise BrokenRule(field, "the digits of a SIRET of La Poste add up to a multiple of five")
    return _parsed(value, SIRET_LENGTH, field, "a SIRET has fourteen digits, the last the Luhn key of the others")


def _parsed(value: str, length: int, field: str, rule: str) -> str:
    digits = value.replace(" ", "")
    if len(digits) != length or not has_luhn_key(digits):
        raise BrokenRule(field, rule)
    return digits
