"""How a user was authenticated, as far as sessions and events tell it: codes, never a number or a name.

Refuses codes of another form: what an identity provider writes here ends in tokens and events.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carnet_identity.domain.broken_rule import BrokenRule

STRUCTURE = "STRUCTURE"
"""The structure of the certificate authenticated the user itself (indirect authentication, domain.md 1.2)."""
STRUCTURE_PROVIDER_UNREACHABLE = "STRUCTURE_PROVIDER_UNREACHABLE"
"""Likewise, because the identity provider could not be reached (rules.md 11)."""

_MOST_METHODS = 8
_METHOD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,31}")
_MODE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """How it is known who the user is."""

    by: str = ""
    """Who authenticated: empty for an identity provider, else STRUCTURE or STRUCTURE_PROVIDER_UNREACHABLE."""
    level: str = ""
    """Level of assurance (`acr`); empty where no identity provider vouches for one."""
    methods: tuple[str, ...] = ()
    """`amr` (RFC 8176)."""
    mode: str = ""
    """`authMode` of Pro Santé Connect: by card or by telephone."""
    differs: tuple[str, ...] = ()
    """What the provider says otherwise than the directory, which decides: `specialty`, `activity`."""

    @property
    def codes(self) -> str:
        """All of it in one line, for an event; empty for nothing."""
        said = {"by": self.by, "acr": self.level, "amr": ",".join(self.methods), "mode": self.mode, "differs": ",".join(self.differs)}
        return " ".join(f"{name}={value}" for name, value in said.items() if value)


NOT_STATED = Authentication()
"""Of a token that is a structure's own: its certificate is all there is."""


def read_authentication(claims: Mapping[str, Any], level: str) -> Authentication:
    """How an identity provider says that it authenticated; `level` is its `acr`, checked before.

    Raises:
        BrokenRule: about `assertion`, when `amr` or `authMode` is malformed.
    """
    methods, mode = claims.get("amr", []), claims.get("authMode", "")
    if not isinstance(methods, list) or len(methods) > _MOST_METHODS or not all(_is_code(one, _METHOD) for one in methods):
        raise BrokenRule("assertion", "amr is a list of at most eight codes")
    if mode != "" and not _is_code(mode, _MODE):
        raise BrokenRule("assertion", "authMode is a code")
    return Authentication(level=level, methods=tuple(methods), mode=mode)


def _is_code(value: object, form: re.Pattern[str]) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None
