"""A named user as a structure asserts it under its own certificate (indirect authentication, domain.md 1.2; rules.md 11).

Refuses, by field, whatever is missing, malformed or out of time: a structure that did not authenticate its user just now, by two
factors or a card, has nothing to assert.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from carnet_identity.domain.authentication import STRUCTURE, STRUCTURE_PROVIDER_UNREACHABLE, Authentication
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.rpps import parse_rpps

METHODS: Mapping[str, tuple[str, ...]] = {"TWO_FACTORS": ("mfa",), "CARD": ("mfa", "sc")}
"""`amr` values (RFC 8176) by name of a LocalAuthentication without its prefix; the others are refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertedUser:
    """Whom a structure asserts, and how it knows."""

    rpps: str
    authentication: Authentication


def read_asserted_user(
    *,
    rpps: str,
    method: str,
    time: datetime | None,
    provider_unreachable: bool,
    now: datetime,
    longest_age: timedelta,
    tolerance: timedelta,
) -> AssertedUser:
    """The user asserted.

    Args:
        rpps: as sent.
        method: name of a LocalAuthentication without its prefix; whatever else for an unknown one.
        time: when the user was authenticated, in UTC; None when that was not stated.
        provider_unreachable: whether the structure says that the identity provider cannot be reached.
        now: in UTC.
        longest_age: how long ago it may have been.
        tolerance: how far clocks may differ.

    Raises:
        BrokenRule: RPPS_INVALID or INVALID_FIELD, with the path of the field.
    """
    number = parse_rpps(rpps, field="asserted_user.rpps")
    if method not in METHODS:
        raise BrokenRule("asserted_user.authentication", "required: two factors, or a card")
    if time is None:
        raise BrokenRule("asserted_user.authentication_time", "required: when the structure authenticated the user")
    if not now - longest_age - tolerance < time <= now + tolerance:
        raise BrokenRule("asserted_user.authentication_time", "the structure authenticated the user just now: not later, not long ago")
    by = STRUCTURE_PROVIDER_UNREACHABLE if provider_unreachable else STRUCTURE
    return AssertedUser(rpps=number, authentication=Authentication(by=by, methods=METHODS[method]))
