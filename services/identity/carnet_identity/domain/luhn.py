"""The Luhn key (ISO/IEC 7812-1 annex B), shared by RPPS and FINESS numbers."""

from __future__ import annotations

_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")
"""Each digit doubled, and the digits of what that gives added up."""
_OF_ZERO = ord("0")


def has_luhn_key(digits: str) -> bool:
    """Whether the last digit of a string of ASCII digits is the Luhn key of those before it. An empty string has none."""
    if not (digits and digits.isascii() and digits.isdigit()):
        return False
    # Sums of bytes: an import of the directory asks a million times.
    places = digits.encode()
    return (sum(places[::-2]) + sum(places[-2::-2].translate(_DOUBLED)) - _OF_ZERO * len(places)) % 10 == 0
