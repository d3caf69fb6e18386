"""The settings of identity, beside the platform's."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from carnet_identity.admin_settings import AdminSettings
from carnet_identity.mail_settings import MailSettings
from carnet_identity.mandate_settings import MandateSettings
from carnet_identity.push_settings import PushSettings
from carnet_identity.session_settings import SessionSettings


class IdentitySettings(SessionSettings, MailSettings, PushSettings, MandateSettings, AdminSettings):
    """What identity needs to know to run."""

    consent_target: str
    """host:port or gRPC name of consent, where withdrawals are registered."""
    audit_target: str
    """host:port or gRPC name of audit, where events are shipped to."""
    search_rate_professional: int = Field(default=30, ge=1)
    """Searches for persons by traits that one professional may make in a minute (trial S4). Beyond it: an alarm, and a refusal outside an
    emergency. So for the seven settings that follow."""
    search_rate_professional_day: int = Field(default=300, ge=1)
    """The same in a day of UTC."""
    search_rate_structure: int = Field(default=300, ge=1)
    """Searches by traits that all professionals of one structure may make in a minute."""
    search_rate_structure_day: int = Field(default=10_000, ge=1)
    """The same in a day of UTC."""
    lookup_rate_professional: int = Field(default=60, ge=1)
    """Persons that one professional may look up by INS in a minute, registered or not."""
    lookup_rate_professional_day: int = Field(default=1_000, ge=1)
    """The same in a day of UTC."""
    lookup_rate_structure: int = Field(default=1_200, ge=1)
    """Persons that all professionals of one structure may look up by INS in a minute."""
    lookup_rate_structure_day: int = Field(default=50_000, ge=1)
    """The same in a day of UTC."""
    rate_share_without_redis: float = Field(default=0.25, gt=0, le=1)
    """Share of each rate that one process gives by itself while Redis is lost: at most one over the number of processes."""
    search_kept: timedelta = Field(default=timedelta(minutes=15), gt=timedelta(0), le=timedelta(hours=1))
    """How long a professional may say which of the persons shown was meant, in seconds."""
    deceased_found_for: timedelta = timedelta(days=30)
    """How long after a death was stated a search by traits still finds the person, as late results are taken (rules.md 17), in seconds."""
    directory_file: Path | None = None
    """JSON file of all professionals and structures of a demonstration, imported at start. Absent: the directory stays as it is, which
    `carnet-directory` imports from the published extracts (docs/operations/directory-import.md)."""
    structure_key_folder: Path | None = None
    """Folder of the public keys with which structures sign care-contact tokens: `<FINESS>.pem` on P-256, several as `<FINESS>.<name>.pem`.
    Read at the start. Absent: nobody can sign one, and every first opening counts against the opening budget."""
    directory_withdrawn_share: float = Field(default=0.2, ge=0, le=1)
    """Share of the professionals who work somewhere that one import may leave without any activity; five people always may. An import
    that would withdraw more changes nothing: it stops the start, and `carnet-directory` refuses the files."""
    acknowledge_after: timedelta = Field(default=timedelta(milliseconds=505), ge=timedelta(milliseconds=505))
    """When a withdrawal is acknowledged after consent's commit, in seconds: 400 ms a permit is usable, and what clocks may differ."""
    withdrawals_every: timedelta = timedelta(seconds=1)
    """Pause between two looks for withdrawals that consent has yet to be told of, in seconds."""
