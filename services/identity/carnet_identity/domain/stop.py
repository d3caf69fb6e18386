"""What an operator may stop: every name that a token carries and that outlives one login.

Promises that several stops of one name are told apart by the operation that made each, so that taking one back leaves the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from carnet_identity.domain.broken_rule import BrokenRule

_PART = r"[A-Za-z0-9_.~-]{1,64}"
_THUMBPRINT = r"[A-Za-z0-9_-]{43}"
_TARGET = re.compile(
    rf"(?:sessions|professionals|patients|structures)/{_PART}|activities/{_PART}/{_PART}|certificates/{_THUMBPRINT}"
    rf"|callers/{_PART}(?:/{_PART})?"
)
_FORMS = (
    "`sessions/*`, `professionals/*`, `patients/*`, `structures/*`, `activities/*/*`, `callers/` and the name of a program, "
    "or `certificates/*` with a SHA-256 thumbprint"
)


@dataclass(frozen=True, slots=True, order=True)
class Stop:
    """That a name is stopped, by an operation."""

    target: str
    operation: str
    """`operations/{operation}`."""


def parse_target(target: str) -> tuple[str, ...]:
    """The kind of a target and its identifiers: `("activities", "p", "s")`.

    Raises:
        BrokenRule: INVALID_FIELD.
    """
    if _TARGET.fullmatch(target) is None:
        raise BrokenRule("target", f"is one of {_FORMS}")
    return tuple(target.split("/"))
