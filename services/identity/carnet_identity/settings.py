"""The settings of identity, beside the platform's."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from carnet_platform.settings import PlatformSettings
from pydantic import Field, model_validator


class IdentitySettings(PlatformSettings):
    """What identity needs to know to run."""

    consent_target: str
    """host:port or gRPC name of consent, where withdrawals are registered."""
    audit_target: str
    """host:port or gRPC name of audit, where events are shipped to."""
    token_key_folder: Path
    """Folder with the private keys that sign user tokens: *.pem on P-256, mode 0600; the name that sorts last signs, all are published."""
    token_lifetime: timedelta = Field(default=timedelta(minutes=5), gt=timedelta(0), le=timedelta(minutes=5))
    """How long a user token lives, in seconds; never more than five minutes (architecture.md 3)."""
    professional_issuers: frozenset[str] = frozenset()
    """JSON list of the OpenID Connect issuers that may assert professionals, exactly as in `iss`."""
    patient_issuers: frozenset[str] = frozenset()
    """JSON list of the OpenID Connect issuers that may assert patients; the same issuer may stand in both lists."""
    assertion_audience: str = "carnet"
    """Our client id at the identity providers: the `aud` of an assertion."""
    assertion_algorithms: frozenset[Literal["ES256", "RS256", "PS256"]] = frozenset({"ES256", "PS256", "RS256"})
    """JSON list of the signature algorithms of assertions; others are refused whatever the providers publish."""
    patient_callers: frozenset[str] = frozenset({"spiffe://carnet/portal"})
    """JSON list of the certificates that may exchange a patient's assertion; whoever else does is refused with ROLE_NOT_ALLOWED."""
    assertion_longest_age: timedelta = Field(default=timedelta(minutes=10), gt=timedelta(0), le=timedelta(hours=12))
    """An assertion issued longer ago is refused even if it has not expired, in seconds; at most half of what a session is kept."""
    clock_tolerance: timedelta = Field(default=timedelta(seconds=60), le=timedelta(minutes=5))
    """How far the clocks of identity providers and services may differ, in seconds (trial R9)."""
    provider_timeout: timedelta = timedelta(seconds=3)
    """How long an identity provider may take to give its keys, in seconds."""
    redis_patience: timedelta = timedelta(milliseconds=500)
    """How long Redis may take to tell whether an assertion was presented; then the exchange is refused, in seconds."""
    directory_file: Path | None = None
    """JSON file of all professionals and structures, imported at start. Absent: the directory stays as it is."""
    directory_withdrawn_share: float = Field(default=0.2, ge=0, le=1)
    """Share of the professionals who work somewhere that one import may leave without any activity; five people always may. An import
    that would withdraw more stops the start and changes nothing."""
    purposes_file: Path | None = None
    """TOML file of the purposes open to each role, in place of the one delivered."""
    systems_file: Path | None = None
    """TOML file of the certificates that stand for a structure or system, in place of the one delivered."""
    acknowledge_after: timedelta = Field(default=timedelta(milliseconds=505), ge=timedelta(milliseconds=505))
    """When a withdrawal is acknowledged after consent's commit, in seconds: 400 ms a permit is usable, and what clocks may differ."""
    withdrawals_every: timedelta = timedelta(seconds=1)
    """Pause between two looks for withdrawals that consent has yet to be told of, in seconds."""

    @model_validator(mode="after")
    def _providers_speak_tls_in_production(self) -> Self:
        issuers = self.professional_issuers | self.patient_issuers
        if self.environment == "production" and not all(issuer.startswith("https://") for issuer in issuers):
            raise ValueError("CARNET_PROFESSIONAL_ISSUERS, CARNET_PATIENT_ISSUERS: in production an issuer begins with https://")
        return self
