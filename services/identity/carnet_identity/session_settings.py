"""The settings of sessions: whose assertions are taken, what they must reach, and how user tokens are signed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from carnet_platform.settings import PlatformSettings
from pydantic import Field, model_validator


class SessionSettings(PlatformSettings):
    """Who may log in, and how."""

    token_key_folder: Path
    """Folder with the private keys that sign user tokens: *.pem on P-256, mode 0600; the name that sorts last signs once it has been
    published for CARNET_TOKEN_KEY_LEAD, all are published. Changes are taken up without a restart."""
    token_key_lead: timedelta = Field(default=timedelta(minutes=2), ge=timedelta(0))
    """How long a new signing key is published before it signs, in seconds; longer than every replica and service needs to learn of it."""
    token_keys_every: timedelta = Field(default=timedelta(seconds=5), gt=timedelta(0))
    """Pause between two looks into the folder of signing keys, in seconds."""
    token_lifetime: timedelta = Field(default=timedelta(minutes=5), gt=timedelta(0), le=timedelta(minutes=5))
    """How long a user token lives, in seconds; never more than five minutes (architecture.md 3)."""
    professional_issuers: frozenset[str] = frozenset()
    """JSON list of the OpenID Connect issuers that may assert professionals, exactly as in `iss`."""
    patient_issuers: frozenset[str] = frozenset()
    """JSON list of the OpenID Connect issuers that may assert patients; the same issuer may stand in both lists."""
    assertion_audience: str = "carnet"
    """Our client id at the identity providers: the `aud` of an assertion."""
    assertion_audiences: Mapping[str, str] = {}
    """JSON object: our client id by issuer, at those that know us by another than CARNET_ASSERTION_AUDIENCE."""
    assurance_floor: str = "eidas2"
    """The lowest level of assurance (`acr`) at which a user may have logged in; the levels are in assurance.toml. Substantial is what
    access to health data asks for."""
    assurance_floors: Mapping[str, str] = {}
    """JSON object: the lowest level by issuer, where it is another than CARNET_ASSURANCE_FLOOR."""
    assurance_file: Path | None = None
    """TOML file of the levels of assurance, lowest first, in place of the one delivered."""
    assertion_algorithms: frozenset[Literal["ES256", "RS256", "PS256"]] = frozenset({"ES256", "PS256", "RS256"})
    """JSON list of the signature algorithms of assertions; others are refused whatever the providers publish."""
    patient_callers: frozenset[str] = frozenset({"spiffe://carnet/portal"})
    """JSON list of the certificates that may exchange a patient's assertion; whoever else does is refused with ROLE_NOT_ALLOWED."""
    operator_issuers: frozenset[str] = frozenset()
    """JSON list of the OpenID Connect issuers that may assert operators and data-protection officers; not those of professionals or
    patients, in production. Absent: nobody can operate."""
    operator_callers: frozenset[str] = frozenset({"spiffe://carnet/operations"})
    """JSON list of the certificates that exchange the assertions of operators, and no others."""
    operator_roles_claim: str = "roles"
    """The claim in which those issuers list the roles of a user."""
    operator_roles: Mapping[str, Literal["OPERATOR", "DATA_PROTECTION_OFFICER"]] = {
        "carnet-operator": "OPERATOR",
        "carnet-data-protection-officer": "DATA_PROTECTION_OFFICER",
    }
    """JSON object: what a role of that claim means here. Nobody may have both."""
    assertion_longest_age: timedelta = Field(default=timedelta(minutes=10), gt=timedelta(0), le=timedelta(hours=12))
    """An assertion issued longer ago is refused even if it has not expired, in seconds; at most half of what a session is kept."""
    clock_tolerance: timedelta = Field(default=timedelta(seconds=60), le=timedelta(minutes=5))
    """How far the clocks of identity providers and services may differ, in seconds (trial R9)."""
    provider_timeout: timedelta = timedelta(seconds=3)
    """How long an identity provider may take to give its keys, in seconds."""
    provider_keys_kept: timedelta = Field(default=timedelta(hours=1), gt=timedelta(0), le=timedelta(hours=24))
    """How long the keys of an identity provider are used without asking again, in seconds: a key it takes back ends by then."""
    provider_keys_every: timedelta = Field(default=timedelta(seconds=10), gt=timedelta(0))
    """How long to wait before a key that is not known asks an identity provider once more, in seconds."""
    redis_patience: timedelta = timedelta(milliseconds=500)
    """How long Redis may take to tell whether an assertion was presented; then the exchange is refused, in seconds."""
    purposes_file: Path | None = None
    """TOML file of the purposes open to each role, in place of the one delivered."""
    systems_file: Path | None = None
    """TOML file of the certificates that stand for a structure or system, and of those that may name users, in place of the one
    delivered."""

    @model_validator(mode="after")
    def _providers_speak_tls_in_production(self) -> Self:
        issuers = self.professional_issuers | self.patient_issuers | self.operator_issuers
        if self.environment == "production" and not all(issuer.startswith("https://") for issuer in issuers):
            named = "CARNET_PROFESSIONAL_ISSUERS, CARNET_PATIENT_ISSUERS, CARNET_OPERATOR_ISSUERS"
            raise ValueError(f"{named}: in production an issuer begins with https://")
        return self

    @model_validator(mode="after")
    def _operators_have_a_provider_of_their_own_in_production(self) -> Self:
        if self.environment == "production" and self.operator_issuers & (self.professional_issuers | self.patient_issuers):
            raise ValueError("CARNET_OPERATOR_ISSUERS: in production operators are asserted by an issuer that asserts nobody else")
        return self
