"""The RPPS number of a professional (domain.md 1.2): eleven digits, the last a Luhn key; and its IDNPS form, `8` + RPPS.

Decides whether a number may enter the directory and which RPPS an identity provider asserts. Refuses every other kind of
IDNPS (ADELI, internal numbers of a structure): those do not name a professional of the directory.
"""

from __future__ import annotations

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.luhn import has_luhn_key

RPPS_LENGTH = 11
_IDNPS_PREFIX_OF_RPPS = "8"


def parse_rpps(value: str, *, field: str = "rpps") -> str:
    """The RPPS without blanks.

    Raises:
        BrokenRule: RPPS_INVALID, when it is not eleven digits or fails its key.
    """
    digits = value.replace(" ", "")
    if len(digits) != RPPS_LENGTH or not (digits.isascii() and digits.isdigit()):
        raise BrokenRule(field, "an RPPS has eleven digits", reason="RPPS_INVALID")
    if not has_luhn_key(digits):
        raise BrokenRule(field, "the last digit of an RPPS is the Luhn key of the others", reason="RPPS_INVALID")
    return digits


def rpps_of_idnps(value: str, *, field: str = "preferred_username") -> str:
    """The RPPS inside a national identifier of a professional: `8` followed by the number (PDSM4DMP PSIdNat).

    Raises:
        BrokenRule: RPPS_INVALID, for another prefix or a number that is no RPPS.
    """
    if not value.startswith(_IDNPS_PREFIX_OF_RPPS) or len(value) != RPPS_LENGTH + 1:
        raise BrokenRule(field, "the national identifier of a professional is 8 followed by an RPPS", reason="RPPS_INVALID")
    return parse_rpps(value[1:], field=field)
