"""The settings of consent, beside the platform's. Every duration that the law leaves open is one of them."""

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from carnet_consent.emergency_settings import EmergencySettings
from carnet_consent.life_settings import LifeSettings
from carnet_consent.notice_settings import NoticeSettings


class ConsentSettings(EmergencySettings, NoticeSettings, LifeSettings):
    """What consent needs to know to run."""

    identity_target: str
    """host:port or gRPC name of identity, asked for identity statuses, professions and mandates."""
    audit_target: str
    """host:port or gRPC name of audit, where events are shipped to."""
    single_consultation_duration: timedelta = Field(default=timedelta(hours=24), gt=timedelta(0))
    """How long consent for one consultation lasts, in seconds (rules.md 3: 24 hours)."""
    standing_duration: timedelta = Field(default=timedelta(days=365), gt=timedelta(0))
    """How long a standing authorisation lasts by default, and at most when a professional states it, in seconds (rules.md 3: 12 months)."""
    care_relation_duration: timedelta = Field(default=timedelta(days=365), gt=timedelta(0))
    """The same for a care relation of a professional, in seconds (12 months, as for a standing authorisation)."""
    most_statements: int = Field(default=500, ge=1, le=500)
    """How many statements a record holds at most (the contract says 500)."""
    history_kept_after_closing: timedelta = Field(default=timedelta(days=3653), gt=timedelta(0))
    """How long the earlier states of a record's consent are kept after its closing, in seconds (domain.md 2, CSP L1111-18: ten years).
    It is told with each explanation; nothing deletes them yet."""
    permit_usable_for: timedelta = Field(default=timedelta(milliseconds=400), gt=timedelta(0))
    """How long a permit may be used from the moment its request was sent, in seconds (architecture.md 5)."""
    acknowledge_after: timedelta = timedelta(milliseconds=505)
    """When a withdrawal is acknowledged after its commit, in seconds: a usable permit, a late hand-over, the rates of clocks."""
    read_batch_timeout: timedelta = Field(default=timedelta(seconds=2), gt=timedelta(0))
    """How long one read batch may take before all its decisions are refused as unavailable, in seconds."""
    read_batch_size: int = Field(default=256, ge=1, le=2000)
    """How many decisions share one barrier and read at most."""
    read_queue_limit: int = Field(default=2000, ge=1)
    """How many decisions may wait for the next batch; one more is refused at once."""
    change_timeout: timedelta = Field(default=timedelta(seconds=5), gt=timedelta(0))
    """How long the transaction of a change may take, retries included, in seconds."""
    rollback_check_every: timedelta = Field(default=timedelta(seconds=20), gt=timedelta(0))
    """Between two looks for records older than their last event, and for withdrawals that are gone, in seconds (C8: noticed within 60)."""

    @model_validator(mode="after")
    def _withdrawals_outlast_permits(self) -> Self:
        # 100 ms for the late hand-over that a permit user still notices, 1 % for the rate of its clock.
        if self.acknowledge_after < self.permit_usable_for * 1.01 + timedelta(milliseconds=100):
            raise ValueError("CARNET_ACKNOWLEDGE_AFTER: must be at least CARNET_PERMIT_USABLE_FOR, 1 % and 100 ms")
        return self
