"""Opaque identifiers and resource names (AIP-122).

An identifier says nothing about what it names: 128 random bits, so it can travel in logs and traces and cannot be guessed.
"""

import base64
import re
import secrets
import uuid
from functools import lru_cache

from carnet_platform.errors import InvalidArgument

_SEGMENT = r"([A-Za-z0-9_.~-]{1,64})"


def new_id() -> str:
    """A new identifier: 26 characters a-z and 2-7, 128 random bits."""
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


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
