"""The settings of audit, beside the platform's."""

from datetime import timedelta
from pathlib import Path

from carnet_platform.settings import PlatformSettings
from pydantic import Field


class AuditSettings(PlatformSettings):
    """What audit needs to know to run."""

    identity_target: str
    """host:port or gRPC name of identity: display names, and the keys of user tokens."""
    consent_target: str
    """host:port or gRPC name of consent: who may read a history."""
    keys_mongo_url_file: Path | None = None
    """File that holds the MongoDB URL of the database of record keys, backed up apart. Absent: they are kept in audit's own database."""
    log_origin: str = Field(default="carnet/log/0", pattern=r"^[^\s+]+$")
    """Name of the log and of its signing key (C2SP checkpoint origin); never changed once checkpoints were published."""
    checkpoint_interval: timedelta = timedelta(seconds=1)
    """Least time between two checkpoints, in seconds (docs/architecture.md 6)."""
    takeover_patience: timedelta = timedelta(seconds=5)
    """How long a sequencer may give no sign of life before another takes its turn, in seconds."""
    stream_silence: timedelta = timedelta(seconds=30)
    """An open stream silent for longer raises an alarm, in seconds."""
    revision_patience: timedelta = timedelta(seconds=60)
    """Changes that wait longer for one before them raise an alarm, in seconds."""
    watch_interval: timedelta = timedelta(seconds=5)
    """Time between two looks of the gap watch, in seconds."""
    names_kept: timedelta = timedelta(minutes=10)
    """How long a display name is remembered, in seconds."""
