"""The settings of consent, beside the platform's. Every duration that the law leaves open is one of them."""

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from carnet_consent.change_settings import ChangeSettings
from carnet_consent.life_settings import LifeSettings


class ConsentSettings(ChangeSettings, LifeSettings):
    """What consent needs to know to run."""

    identity_target: str
    """host:port or gRPC name of identity, asked for identity statuses, professions and mandates."""
    audit_target: str
    """host:port or gRPC name of audit, where events are shipped to."""
    history_kept_after_closing: timedelta = Field(default=timedelta(days=3653), gt=timedelta(0))
    """How long the earlier states of a record's consent are kept after its closing, in seconds (domain.md 2, CSP L1111-18: ten years).
    It is told with each explanation. Those of a destroyed record are deleted then, or earlier
    (`CARNET_HISTORY_KEPT_AFTER_DESTRUCTION`)."""
    permit_usable_for: timedelta = Field(default=timedelta(milliseconds=400), gt=timedelta(0))
    """How long a permit may be used from the moment its request was sent, in seconds (architecture.md 5)."""
    read_batch_timeout: timedelta = Field(default=timedelta(seconds=2), gt=timedelta(0))
    """How long one read batch may take before all its decisions are refused as unavailable, in seconds."""
    read_batch_size: int = Field(default=256, ge=1, le=2000)
    """How many decisions share one barrier and read at most."""
    read_queue_limit: int = Field(default=2000, ge=1)
    """How many decisions may wait for the next batch; one more is refused at once."""
    rollback_check_every: timedelta = Field(default=timedelta(seconds=20), gt=timedelta(0))
    """Between two looks for records older than their last event, and for withdrawals that are gone, in seconds (C8: noticed within 60)."""

    @model_validator(mode="after")
    def _withdrawals_outlast_permits(self) -> Self:
        # 100 ms for the late hand-over that a permit user still notices, 1 % for the rate of its clock.
        if self.acknowledge_after < self.permit_usable_for * 1.01 + timedelta(milliseconds=100):
            raise ValueError("CARNET_ACKNOWLEDGE_AFTER: must be at least CARNET_PERMIT_USABLE_FOR, 1 % and 100 ms")
        return self
