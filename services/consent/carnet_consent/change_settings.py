"""The settings of every change of a record: how long what is stated lasts, and how a change is made."""

from datetime import timedelta

from pydantic import Field

from carnet_consent.emergency_settings import EmergencySettings
from carnet_consent.notice_settings import NoticeSettings


class ChangeSettings(EmergencySettings, NoticeSettings):
    """What is needed to change records."""

    single_consultation_duration: timedelta = Field(default=timedelta(hours=24), gt=timedelta(0))
    """How long consent for one consultation lasts, in seconds (rules.md 3: 24 hours)."""
    standing_duration: timedelta = Field(default=timedelta(days=365), gt=timedelta(0))
    """How long a standing authorisation lasts by default, and at most when a professional states it, in seconds (rules.md 3: 12 months)."""
    care_relation_duration: timedelta = Field(default=timedelta(days=365), gt=timedelta(0))
    """The same for a care relation of a professional, in seconds (12 months, as for a standing authorisation)."""
    most_statements: int = Field(default=500, ge=1, le=500)
    """How many statements a record holds at most (the contract says 500)."""
    acknowledge_after: timedelta = timedelta(milliseconds=505)
    """When a withdrawal is acknowledged after its commit, in seconds: a usable permit, a late hand-over, the rates of clocks."""
    change_timeout: timedelta = Field(default=timedelta(seconds=5), gt=timedelta(0))
    """How long the transaction of a change may take, retries included, in seconds."""
