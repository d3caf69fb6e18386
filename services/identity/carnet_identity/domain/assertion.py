"""What an identity provider's assertion (an OpenID Connect id_token) must claim, once its signature holds.

Decides who is asserted: a professional by `preferred_username` (IDNPS), or a patient by `ins` and `ins_authority`; never both.
Refuses another audience, an assertion that is expired, not valid yet, from the future, too old, below its issuer's floor of assurance,
made for another login (`nonce`), or for somebody who acts through another (`act`): users log in themselves.
Times are compared with the tolerance that clocks are allowed (trial R9).

An assertion is known again by its `jti`. OpenID Connect does not ask for one; where there is none, the digest of the signed text stands
for it: nobody can change that text without breaking the signature, whereas a signature may have several spellings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from carnet_identity.domain.assurance import Assurance
from carnet_identity.domain.authentication import Authentication, read_authentication
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.ins import Ins, parse_ins
from carnet_identity.domain.professional_claims import ProfessionalClaims, read_professional

_LONGEST_ID = 256
_UNNAMED = "sha-256:"
_OF_A_LOGIN = "ID"
_LATEST_INSTANT = 253_402_300_799  # the last second of the year 9999


@dataclass(frozen=True, slots=True)
class VerifiedAssertion:
    """Claims whose signature holds under a published key of `issuer`."""

    issuer: str
    claims: Mapping[str, Any]
    digest: str
    """Hexadecimal SHA-256 of what was signed, header and claims as they were sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionRules:
    """What assertions are measured against."""

    audience: str
    """Our client id at the identity providers that have no other for us."""
    audiences: Mapping[str, str] = field(default_factory=dict)
    """Our client id by issuer, where it is another."""
    assurance: Assurance
    professional_issuers: frozenset[str]
    patient_issuers: frozenset[str]
    operator_issuers: frozenset[str] = frozenset()
    tolerance: timedelta
    longest_age: timedelta
    """An assertion issued longer ago is refused, however late it expires."""
    is_production: bool

    @property
    def issuers(self) -> frozenset[str]:
        """Every issuer that is trusted for somebody."""
        return self.professional_issuers | self.patient_issuers | self.operator_issuers


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What every assertion says, whoever it speaks of."""

    issuer: str
    id: str
    issue_time: datetime
    refuse_after: datetime
    """From then on the assertion is refused for its times alone."""
    authentication: Authentication


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
    professional: ProfessionalClaims | None
    """What the provider says of a professional beside the number."""
    authentication: Authentication

    @property
    def is_dispatcher(self) -> bool:
        """Whether the provider says that the professional regulates calls of Centre 15 (`Acces_Regulation_Medicale`)."""
        return self.professional is not None and self.professional.is_dispatcher


def read_claims(claims: Mapping[str, Any], digest: str, rules: AssertionRules, *, now: datetime, nonce: str = "") -> Asserted:
    """Who is asserted.

    Args:
        claims: of a good signature.
        digest: of the signed text, which stands for an assertion without a `jti`.
        rules: what they are measured against.
        now: in UTC.
        nonce: what the software sent to the provider, empty for none.

    Raises:
        BrokenRule: ASSERTION_INVALID; the rule says what is wrong without any value.
    """
    try:
        return _read(claims, digest, rules, now, nonce)
    except BrokenRule as broken:
        raise _invalid(broken.rule) from None


def _read(claims: Mapping[str, Any], digest: str, rules: AssertionRules, now: datetime, nonce: str) -> Asserted:
    frame = read_frame(claims, digest, rules, now=now, nonce=nonce)
    professional, ins = _who(claims, frame.issuer, rules)
    return Asserted(
        issuer=frame.issuer,
        id=frame.id,
        issue_time=frame.issue_time,
        refuse_after=frame.refuse_after,
        rpps=None if professional is None else professional.rpps,
        ins=ins,
        professional=professional,
        authentication=frame.authentication,
    )


def read_frame(claims: Mapping[str, Any], digest: str, rules: AssertionRules, *, now: datetime, nonce: str) -> Frame:
    """What an assertion says beside whom it is about; the arguments are those of `read_claims`.

    Raises:
        BrokenRule: about `assertion`.
    """
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or issuer not in rules.issuers:
        raise _invalid("the issuer is not trusted")
    if claims.get("typ", _OF_A_LOGIN) != _OF_A_LOGIN or "events" in claims:
        # Keycloak, and so Pro Santé Connect, marks its kinds of token; a logout token has events (OpenID Connect back-channel logout 2.4).
        raise _invalid("the provider signed this for something else than a login")
    _check_audience(claims, rules.audiences.get(issuer, rules.audience))
    issue_time, refuse_after = _check_times(claims, rules, now)
    _check_nonce(claims, nonce)
    if "act" in claims:
        raise _invalid("users log in themselves, and nobody through another")
    return Frame(
        issuer=issuer,
        id=_id(claims, digest),
        issue_time=issue_time,
        refuse_after=refuse_after,
        authentication=read_authentication(claims, rules.assurance.check(issuer, claims.get("acr"))),
    )


def _id(claims: Mapping[str, Any], digest: str) -> str:
    if "jti" not in claims:
        return f"{_UNNAMED}{digest}"
    assertion_id = claims["jti"]
    if isinstance(assertion_id, str) and 0 < len(assertion_id) <= _LONGEST_ID and assertion_id.isprintable():
        return assertion_id
    raise _invalid("the jti of an assertion is a printable text of at most 256 characters")


def _check_nonce(claims: Mapping[str, Any], nonce: str) -> None:
    stated = claims.get("nonce", "")
    if stated != nonce:
        raise _invalid("the assertion was made for another login: its nonce is not the one sent")


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


def _who(claims: Mapping[str, Any], issuer: str, rules: AssertionRules) -> tuple[ProfessionalClaims | None, Ins | None]:
    number, username = claims.get("ins"), claims.get("preferred_username")
    if isinstance(number, str) and username is None and issuer in rules.patient_issuers:
        return None, parse_ins(number, str(claims.get("ins_authority", "")), is_production=rules.is_production)
    if isinstance(username, str) and number is None and issuer in rules.professional_issuers:
        return read_professional(claims), None
    raise _invalid("the assertion names either a professional or a patient, and its issuer is trusted for them")
