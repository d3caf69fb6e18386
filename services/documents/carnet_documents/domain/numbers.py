"""Keys of national numbers: INS (97 - N mod 97) and RPPS (Luhn). Source: domain rules 1.1 and 1.2.

They decide about warnings only: an author's number that fails its key is kept as the document says it.
"""

import re

_INS = re.compile(r"[1-478]\d{2}(?:0[1-9]|1[0-2]|[2-9]\d)(?:2[AB]|\d{2})\d{8}")
_RPPS_IDNPS = re.compile(r"8\d{11}")


def is_luhn_valid(digits: str) -> bool:
    """Whether the last digit is the Luhn key of the others."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004  # the two digits of the doubled one are added up
    return total % 10 == 0


def is_ins_valid(value: str) -> bool:
    """Whether a matricule INS is well formed and passes its key; blanks are ignored, case folded."""
    folded = re.sub(r"\s", "", value).upper()
    if not _INS.fullmatch(folded):
        return False
    number = int(folded[:13].replace("2A", "19").replace("2B", "18"))
    return 97 - number % 97 == int(folded[13:])


def is_author_number_valid(value: str) -> bool:
    """Whether an IDNPS that claims to hold an RPPS number (prefix 8) does; other prefixes have no key that is known."""
    if not value.startswith("8"):
        return True
    return bool(_RPPS_IDNPS.fullmatch(value)) and is_luhn_valid(value[1:])
