"""The settings of mandates."""

from __future__ import annotations

from datetime import timedelta

from carnet_platform.settings import PlatformSettings
from pydantic import Field


class MandateSettings(PlatformSettings):
    """How long mandates and their invitations last, and who is told before they end."""

    age_of_majority: int = Field(default=18, ge=1, le=30)
    """Age in years at which a minor's representation ends (EX_GEN-1550, age-majorite), as that birthday begins in Europe/Paris."""
    mandate_invitation: timedelta = Field(default=timedelta(days=30), gt=timedelta(0), le=timedelta(days=366))
    """How long an invitation can be answered, in seconds."""
    caregiving_longest: timedelta = Field(default=timedelta(days=366), gt=timedelta(0), le=timedelta(days=366))
    """How long a caregiver's mandate lasts at most, in seconds: a year, whichever it is."""
    mandate_first_notice: timedelta = Field(default=timedelta(days=30), ge=timedelta(days=1), le=timedelta(days=366))
    """How long before a mandate ends both are told for the first time, in seconds, of whole days."""
    mandate_last_notice: timedelta = Field(default=timedelta(days=7), ge=timedelta(days=1), le=timedelta(days=366))
    """How long before it ends they are told again, in seconds, of whole days."""
    mandates_every: timedelta = Field(default=timedelta(minutes=1), gt=timedelta(0))
    """Pause between two looks for mandates that end, expire or are to be announced, in seconds. Nothing is read past an end meanwhile."""
