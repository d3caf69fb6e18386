"""The matricule INS (domain.md 1.1): its form, its key, and which assigning authority is good in which environment.

Registration and lookup are strict: `parse_ins` refuses a number that is malformed, fails its key, is of an authority that is
no longer used (INS-A, INS-C) or belongs to the other environment. The header of a document is not: `normalise` and `has_key`
let `comparison` look at a number that may be wrong.

The form follows the expression of domain.md, so every month from 20 to 99 is taken for an unknown one: the key guards
against slips of the hand, and a genuine person refused costs more than a month nobody gives out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from carnet_identity.domain.broken_rule import BrokenRule

NIR = "1.2.250.1.213.1.4.8"
NIA = "1.2.250.1.213.1.4.9"
NIR_TEST = "1.2.250.1.213.1.4.10"
NIR_DEMONSTRATION = "1.2.250.1.213.1.4.11"
_PRODUCTION = frozenset({NIR, NIA})
_OTHER_ENVIRONMENTS = frozenset({NIR_TEST, NIR_DEMONSTRATION})
_NO_LONGER_USED = frozenset({"1.2.250.1.213.1.4.1", "1.2.250.1.213.1.4.2"})

# [0-9], never \d: that takes the digits of every script.
_FORM = re.compile(r"[1-478][0-9]{2}(?:0[1-9]|1[0-2]|[2-9][0-9])(?:2[AB]|[0-9]{2})[0-9]{3}[0-9]{3}[0-9]{2}")
_CORSICA = {"2A": "19", "2B": "18"}
_DEPARTMENT = slice(5, 7)
_KEY_MODULUS = 97
_LONGEST_INPUT = 64


@dataclass(frozen=True, slots=True)
class Ins:
    """A matricule INS that passed `parse_ins`: 15 characters, and the OID of who gave it."""

    value: str
    authority: str

    def __repr__(self) -> str:
        """Hides the number: a repr reaches logs."""
        return "Ins(...)"


def normalise(value: str) -> str:
    """The number as compared: without blanks of any kind, in upper case. An absurdly long text is cut, so it matches nothing."""
    return "".join(value[:_LONGEST_INPUT].split()).upper()


def key_of(thirteen: str) -> str:
    """The key of the first 13 characters, `01` to `97`: 97 - (N mod 97), with 19 for 2A and 18 for 2B."""
    department = thirteen[_DEPARTMENT]
    number = int(thirteen[:5] + _CORSICA.get(department, department) + thirteen[7:])
    return f"{_KEY_MODULUS - number % _KEY_MODULUS:02d}"


def has_form(number: str) -> bool:
    """Whether a normalised number has the form of a NIR or NIA with its key."""
    return _FORM.fullmatch(number) is not None


def has_key(number: str) -> bool:
    """Whether a normalised number has the right form and the right key."""
    return has_form(number) and key_of(number[:13]) == number[13:]


def parse_ins(value: str, authority: str, *, is_production: bool, field: str = "ins") -> Ins:
    """The INS, normalised.

    Args:
        value: 15 characters; blanks are ignored, case is folded.
        authority: OID of the assigning authority.
        is_production: which authorities are good: NIR and NIA there, test and demonstration numbers elsewhere.
        field: path of the INS in the message that held it.

    Raises:
        BrokenRule: INS_INVALID or INS_WRONG_ENVIRONMENT.
    """
    _check_authority(authority, is_production=is_production, field=f"{field}.authority")
    number = normalise(value)
    if not has_form(number):
        raise BrokenRule(f"{field}.value", "a matricule INS has 13 characters of a NIR and a key of two digits", reason="INS_INVALID")
    if not has_key(number):
        raise BrokenRule(f"{field}.value", "the key of a matricule INS is 97 less the remainder of its number by 97", reason="INS_INVALID")
    return Ins(number, authority)


def _check_authority(authority: str, *, is_production: bool, field: str) -> None:
    if authority in _NO_LONGER_USED:
        raise BrokenRule(field, "INS-A and INS-C are no longer accepted", reason="INS_INVALID")
    if authority not in _PRODUCTION | _OTHER_ENVIRONMENTS:
        raise BrokenRule(field, "the assigning authority of an INS is one of those of INSi", reason="INS_INVALID")
    if is_production and authority in _OTHER_ENVIRONMENTS:
        raise BrokenRule(field, "a production system takes no test or demonstration number", reason="INS_WRONG_ENVIRONMENT")
    if not is_production and authority in _PRODUCTION:
        raise BrokenRule(field, "only a production system takes a production number", reason="INS_WRONG_ENVIRONMENT")
