"""Opaque identifiers and resource names (AIP-122).

An identifier says nothing about what it names: 128 random bits, so it can travel in logs and traces and cannot be guessed.
"""

import os
import re
import uuid
from functools import lru_cache

from carnet_platform.errors import InvalidArgument

_SEGMENT = r"([A-Za-z0-9_.~-]{1,64})"


_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_SHIFTS = range(120, -10, -10)


def new_id() -> str:
    """A new identifier: 26 characters a-z and 2-7 (base 32 of RFC 4648), 128 random bits."""
    return id_of(os.urandom(16))


def id_of(content: bytes) -> str:
    """The identifier whose 128 bits these are: for one that must come out the same again, made under a key."""
    # Ten bits a step: every call without an id of its own takes one, and the library's base 32 costs five times as much.
    bits = int.from_bytes(content) << 2
    return "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("/".join(_SEGMENT if part == "*" else re.escape(part) for part in pattern.split("/")))


def parse_name(name: str, pattern: str, field: str) -> tuple[str, ...]:
    """The variable segments of a resource name.

    ``parse_name("shelves/a/books/b", "shelves/*/books/*", "name")`` is ``("a", "b")``.
    Raises ``InvalidArgument`` INVALID_FIELD, naming ``field`` and the pattern, for anything else.
    """
    match = _compiled(pattern).fullmatch(name)
    if match is None:
        raise InvalidArgument("INVALID_FIELD", f"must be a resource name of the form {pattern}", field=field)
    return match.groups()


def check_request_id(value: str) -> str:
    """``value`` if it is a UUID (AIP-155); raises ``InvalidArgument`` INVALID_FIELD otherwise."""
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise InvalidArgument("INVALID_FIELD", "must be a UUID chosen by the caller", field="request_id") from None
