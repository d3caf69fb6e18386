"""The FINESS number of a structure (domain.md 1.2): nine characters, the last a Luhn key; Corsican ones start with 2A or 2B.

How the key of a Corsican number is made is not published where we could read it. We replace the letter by a zero, as the
number was before the departments were split (20), and also accept the replacement of the key of the INS (19 and 18): a structure is refused
only when no reading of its number holds.
"""

from __future__ import annotations

import re

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.luhn import has_luhn_key

_FORM = re.compile(r"(?:[0-9]{2}|2[AB])[0-9]{7}")
_CORSICAN_READINGS = {"2A": ("20", "19"), "2B": ("20", "18")}


def is_finess(value: str) -> bool:
    """Whether a text has the form of a FINESS; its key may be wrong."""
    return _FORM.fullmatch(value) is not None


def parse_finess(value: str, *, field: str = "finess") -> str:
    """The FINESS without blanks, in upper case.

    Raises:
        BrokenRule: FINESS_INVALID, when it is not nine characters of the right form or fails its key.
    """
    number = value.replace(" ", "").upper()
    if not _FORM.fullmatch(number):
        raise BrokenRule(field, "a FINESS has nine digits, or 2A or 2B and seven digits", reason="FINESS_INVALID")
    department, rest = number[:2], number[2:]
    if not any(has_luhn_key(reading + rest) for reading in _CORSICAN_READINGS.get(department, (department,))):
        raise BrokenRule(field, "the last digit of a FINESS is the Luhn key of the others", reason="FINESS_INVALID")
    return number
