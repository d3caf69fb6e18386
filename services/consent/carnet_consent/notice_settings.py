"""The settings of notices: how long they are kept, and how patiently their letters are delivered."""

from datetime import timedelta

from carnet_platform.settings import PlatformSettings
from pydantic import Field


class NoticeSettings(PlatformSettings):
    """How people are told."""

    notices_kept: timedelta = Field(default=timedelta(days=365), ge=timedelta(days=30))
    """How long a notice stays in the inbox of whom it tells, in seconds (a year); the history tells the same for longer."""
    notice_every: timedelta = Field(default=timedelta(seconds=1), gt=timedelta(0), le=timedelta(seconds=30))
    """Pause between two looks for letters to be delivered, in seconds; one that this process queued is delivered at once."""
    notice_timeout: timedelta = Field(default=timedelta(seconds=10), gt=timedelta(0), le=timedelta(seconds=20))
    """How long identity may take to queue a letter, in seconds; twice that until another process tries (C7: told within 60)."""
    notices_at_once: int = Field(default=4, ge=1, le=50)
    """Letters that each process delivers at once."""
    notice_attempts: int = Field(default=10, ge=1, le=100)
    """How often a letter that identity refuses is tried, after pauses that grow from one second to thirty; then it is a dead letter."""
    notice_tried_for: timedelta = Field(default=timedelta(days=3), ge=timedelta(minutes=1), le=timedelta(days=6))
    """How long a letter is tried while identity does not answer, in seconds; then it is a dead letter. Identity knows a repeated request
    for seven days."""
    documents_told_every: timedelta = Field(default=timedelta(hours=1), ge=timedelta(minutes=1), le=timedelta(days=1))
    """Within how long added documents are told together, in seconds: the first at once, what follows once at the end (an assumption)."""
    notice_late_after: timedelta = Field(default=timedelta(minutes=5), ge=timedelta(minutes=1))
    """When a letter that still waits is an alarm, in seconds."""
