"""What an identity provider's assertion (an OpenID Connect id_token) must claim, once its signature holds.

Decides who is asserted: a professional by `preferred_username` (IDNPS), or a patient by `ins` and `ins_authority`; never both.
Refuses another audience, an assertion that is expired, not valid yet, from the future, too old, or without an id of its own.
Times are compared with the tolerance that clocks are allowed (trial R9).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.ins import Ins, parse_ins
from carnet_identity.domain.rpps import rpps_of_idnps

_LONGEST_ID = 256
_LATEST_INSTANT = 253_402_300_799  # the last second of the year 9999


@dataclass(frozen=True, slots=True)
class VerifiedAssertion:
    """Claims whose signature holds under a published key of `issuer`."""

    issuer: str
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionRules:
    """What assertions are measured against."""

    audience: str
    """Our client id at the identity providers."""
    professional_issuers: frozenset[str]
    patient_issuers: frozenset[str]
    tolerance: timedelta
    longest_age: timedelta
    """An assertion issued longer ago is refused, however late it expires."""
    is_production: bool

    @property
    def issuers(self) -> frozenset[str]:
        """Every issuer that is trusted for somebody."""
        return self.professional_issuers | self.patient_issuers


@dataclass(frozen=True, slots=True, kw_only=True)
class Asserted:
    """Who an assertion speaks of: exactly one of `rpps` and `ins`."""

    issuer: str
    id: str
    issue_time: datetime
    refuse_after: datetime
    """From then on the assertion is refused for its times alone."""
    rpps: str | None
    ins: Ins | None
    is_dispatcher: bool
    """Whether the provider says that the professional regulates calls of Centre 15 (`Acces_Regulation_Medicale`)."""


def read_claims(claims: Mapping[str, Any], rules: AssertionRules, *, now: datetime) -> Asserted:
    """Who is asserted.

    Raises:
        BrokenRule: ASSERTION_INVALID; the rule says what is wrong without any value.
    """
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or issuer not in rules.issuers:
        raise _invalid("the issuer is not trusted")
    _check_audience(claims, rules.audience)
    issue_time, refuse_after = _check_times(claims, rules, now)
    assertion_id = claims.get("jti")
    if not isinstance(assertion_id, str) or not 0 < len(assertion_id) <= _LONGEST_ID:
        raise _invalid("an assertion has a jti")
    rpps, ins = _who(claims, issuer, rules)
    return Asserted(
        issuer=issuer,
        id=assertion_id,
        issue_time=issue_time,
        refuse_after=refuse_after,
        rpps=rpps,
        ins=ins,
        is_dispatcher=rpps is not None and claims.get("Acces_Regulation_Medicale") == "VRAI",
    )


def _invalid(rule: str) -> BrokenRule:
    return BrokenRule("assertion", rule, reason="ASSERTION_INVALID")


def _check_audience(claims: Mapping[str, Any], audience: str) -> None:
    said = claims.get("aud")
    audiences = said if isinstance(said, list) else [said]
    if audience not in audiences:
        raise _invalid("the assertion is of another audience")
    # OpenID Connect core 3.1.3.7: with several audiences the authorised party says for whom it was issued.
    if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != audience:
        raise _invalid("the assertion was issued to another party")


def _check_times(claims: Mapping[str, Any], rules: AssertionRules, now: datetime) -> tuple[datetime, datetime]:
    issued, expires = _instant(claims, "iat"), _instant(claims, "exp")
    not_before = _instant(claims, "nbf") if "nbf" in claims else issued
    refuse_after = min(expires, issued + rules.longest_age) + rules.tolerance
    if max(issued, not_before) > now + rules.tolerance:
        raise _invalid("the assertion is not valid yet")
    if now >= expires + rules.tolerance:
        raise _invalid("the assertion has expired")
    if now >= refuse_after:
        raise _invalid("the assertion was issued too long ago")
    return issued, refuse_after


def _instant(claims: Mapping[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LATEST_INSTANT:
        raise _invalid(f"an assertion has {name}, in seconds")
    return datetime.fromtimestamp(value, UTC)


def _who(claims: Mapping[str, Any], issuer: str, rules: AssertionRules) -> tuple[str | None, Ins | None]:
    number, username = claims.get("ins"), claims.get("preferred_username")
    try:
        if isinstance(number, str) and username is None and issuer in rules.patient_issuers:
            return None, parse_ins(number, str(claims.get("ins_authority", "")), is_production=rules.is_production)
        if isinstance(username, str) and number is None and issuer in rules.professional_issuers:
            return rpps_of_idnps(username), None
    except BrokenRule as broken:
        raise _invalid(broken.rule) from None
    raise _invalid("the assertion names either a professional or a patient, and its issuer is trusted for them")
