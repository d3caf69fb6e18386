"""The settings of operations that take two people, and of stops."""

from __future__ import annotations

from datetime import timedelta

from carnet_platform.settings import PlatformSettings
from pydantic import Field


class AdminSettings(PlatformSettings):
    """How long operators have, and how stops are kept up."""

    operation_lapses_after: timedelta = Field(default=timedelta(days=1), gt=timedelta(0), le=timedelta(days=1))
    """How long a proposed operation waits for a second operator, in seconds. An emergency stop that nobody confirms by then is undone."""
    operation_resumed_after: timedelta = Field(default=timedelta(seconds=10), gt=timedelta(0), le=timedelta(minutes=10))
    """How long after its approval an operation that is not done is taken over from the process that may have died, in seconds."""
    operations_every: timedelta = Field(default=timedelta(seconds=2), gt=timedelta(0))
    """Pause between two looks for operations that were left behind or have lapsed, in seconds."""
    certificate_stop_kept: timedelta = Field(default=timedelta(minutes=15), ge=timedelta(minutes=10), le=timedelta(days=1))
    """How far ahead consent is told to remember a stopped certificate, in seconds; a resumed one works again after that at the latest."""
    certificate_stops_every: timedelta = Field(default=timedelta(minutes=1), gt=timedelta(0), le=timedelta(minutes=2))
    """How often consent is told again, in seconds."""
