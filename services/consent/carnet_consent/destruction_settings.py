"""The settings of destructions: how long the holder has, who takes part, how long what is left is kept."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Self

from carnet_platform.settings import PlatformSettings
from pydantic import Field, model_validator

REQUIRED = ("documents", "audit")
"""The services that keep something of every record: without their receipts none is certified as destroyed."""


class DestructionSettings(PlatformSettings):
    """What the law leaves to the operator when a record is destroyed."""

    destruction_cooling_off: timedelta = Field(default=timedelta(days=7), gt=timedelta(0))
    """How long the holder may cancel a confirmed destruction, in seconds; the record is closed meanwhile (rules.md 16: 7 days)."""
    destruction_strong_logins: frozenset[str] = frozenset(
        {"eidas2", "eidas3", "http://eidas.europa.eu/LoA/substantial", "http://eidas.europa.eu/LoA/high"}
    )
    """The levels of assurance (`acr`) with which a destruction is asked for and confirmed: those with two factors (rules.md 16; eIDAS,
    implementing regulation 2015/1502, 2.2.1)."""
    destruction_by_representatives: bool = False
    """Whether a minor's representative may have her record destroyed (rules.md 16: never, by default)."""
    destruction_code_lifetime: timedelta = Field(default=timedelta(minutes=10), ge=timedelta(minutes=1), le=timedelta(hours=1))
    """How long the code is good that confirms a destruction, in seconds."""
    destruction_participants: Mapping[str, str] = {"documents": "", "audit": ""}
    """The services that erase what they keep of a record: their names, and host:port or gRPC name of each. One without a target is
    required all the same: destructions wait for it. Documents and audit are always among them."""
    destruction_timeout: timedelta = Field(default=timedelta(seconds=10), gt=timedelta(0), le=timedelta(minutes=1))
    """How long a participant may take to answer, in seconds; then it is asked again with the next look."""
    destruction_every: timedelta = Field(default=timedelta(seconds=20), gt=timedelta(0))
    """Between two looks for destructions that go on, in seconds."""
    destruction_late_after: timedelta = Field(default=timedelta(days=1), gt=timedelta(0))
    """When a destruction that still waits for a receipt is an alarm, in seconds; told once a day."""
    purge_notice: timedelta = Field(default=timedelta(days=30), gt=timedelta(0), le=timedelta(days=300))
    """How long before its destruction the holder of a closed record is told, in seconds (OWN; CSP L1111-18 names no notice)."""
    backups_kept: timedelta = Field(default=timedelta(days=35), gt=timedelta(0))
    """How long backups of the stores live, in seconds: a certificate says from when on they hold nothing of the record."""
    history_kept_after_destruction: timedelta = Field(default=timedelta(days=2192), gt=timedelta(0))
    """How long the earlier states of a destroyed record's consent are kept to explain accesses to its former holder, in seconds, and never
    longer than after a closing: as the log is (rules.md 16: 6 years). Then they are deleted."""

    @model_validator(mode="after")
    def _everybody_takes_part(self) -> Self:
        if not set(REQUIRED) <= set(self.destruction_participants):
            raise ValueError(f"CARNET_DESTRUCTION_PARTICIPANTS: must name {' and '.join(REQUIRED)}: each keeps something of a record")
        if any(not name.isidentifier() or name == "consent" for name in self.destruction_participants):
            raise ValueError("CARNET_DESTRUCTION_PARTICIPANTS: must name other services, each by one word")
        return self
