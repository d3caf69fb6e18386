"""Whom an identity provider asserts as an operator or data-protection officer: by issuer and `sub`, with a role that it states.

Refuses an issuer that may not assert operators, and an assertion whose roles are none of ours or several of them: nobody supervises what
he operates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carnet_identity.domain.assertion import AssertionRules, Frame, read_frame
from carnet_identity.domain.broken_rule import BrokenRule

OPERATOR = "OPERATOR"
DATA_PROTECTION_OFFICER = "DATA_PROTECTION_OFFICER"
ROLES = frozenset({OPERATOR, DATA_PROTECTION_OFFICER})
OPERATIONS = "OPERATIONS"
"""The one purpose of these roles."""
_LONGEST_SUBJECT = 255  # OpenID Connect core, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorRules:
    """What assertions of operators are measured against."""

    assertions: AssertionRules
    claim: str
    """The claim that lists roles, in the provider's words."""
    roles: Mapping[str, str]
    """OPERATOR or DATA_PROTECTION_OFFICER, by the provider's word for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertedOperator:
    """Who an assertion speaks of."""

    frame: Frame
    subject: str
    """`sub`, unique at the issuer; it does not leave this service."""
    role: str


def read_operator(claims: Mapping[str, Any], digest: str, rules: OperatorRules, *, now: datetime, nonce: str) -> AssertedOperator:
    """Who is asserted; the arguments are those of `read_claims`.

    Raises:
        BrokenRule: ASSERTION_INVALID; the rule says what is wrong without any value.
    """
    try:
        frame = read_frame(claims, digest, rules.assertions, now=now, nonce=nonce)
        return AssertedOperator(frame=frame, subject=_subject(claims, frame, rules), role=_role(claims, rules))
    except BrokenRule as broken:
        raise BrokenRule("assertion", broken.rule, reason="ASSERTION_INVALID") from None


def _subject(claims: Mapping[str, Any], frame: Frame, rules: OperatorRules) -> str:
    if frame.issuer not in rules.assertions.operator_issuers:
        raise BrokenRule("assertion", "this issuer asserts no operators")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
        raise BrokenRule("assertion", "the sub of an assertion is a printable text of at most 255 characters")
    return subject


def _role(claims: Mapping[str, Any], rules: OperatorRules) -> str:
    stated = claims.get(rules.claim)
    named = stated if isinstance(stated, list) else [stated]
    held = {rules.roles[one] for one in named if isinstance(one, str) and one in rules.roles}
    if len(held) != 1:
        raise BrokenRule("assertion", "an operator has exactly one role here")
    return held.pop()
