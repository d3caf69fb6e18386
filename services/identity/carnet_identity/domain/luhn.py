"""The Luhn key (ISO/IEC 7812-1 annex B), shared by RPPS and FINESS numbers."""

from __future__ import annotations

_LARGEST_DIGIT = 9


def has_luhn_key(digits: str) -> bool:
    """Whether the last digit of a string of ASCII digits is the Luhn key of those before it. An empty string has none."""
    if not (digits and digits.isascii() and digits.isdigit()):
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - _LARGEST_DIGIT if value > _LARGEST_DIGIT else value
    return total % 10 == 0
