"""Settings of the documents service, beside those of every service."""

from datetime import timedelta
from pathlib import Path

from carnet_platform.settings import PlatformSettings
from pydantic import Field


class DocumentsSettings(PlatformSettings):
    """What the documents service needs to know to run."""

    keys_mongo_url_file: Path
    """File that holds the MongoDB URL of the database of record keys, with a user of its own; backed up apart."""
    consent_target: str
    """gRPC target of the consent service."""
    identity_target: str
    """gRPC target of the identity service."""
    audit_target: str
    """gRPC target of the audit service."""
    document_size_limit: int = Field(default=5 * 1024 * 1024, ge=1, le=256 * 1024 * 1024)
    """Largest document, in bytes (domain rules 5.6: an assumption, 5 MB)."""
    upload_budget: int = Field(default=64 * 1024 * 1024, ge=1)
    """Bytes of deposits in hand at once in each process, from the first byte until kept or refused; more are refused with RATE_LIMITED."""
    upload_share: int = Field(default=16 * 1024 * 1024, ge=1)
    """Of these, bytes of one calling software; more are refused with RATE_LIMITED. One document is always taken."""
    upload_rate: int = Field(default=32 * 1024, ge=1)
    """Bytes a second that a deposit must come with, over each `CARNET_UPLOAD_GRACE`; a slower one is refused with DOCUMENT_INCOMPLETE."""
    upload_grace: timedelta = timedelta(seconds=5)
    """Over how long the rate of a deposit is measured, in seconds."""
    decision_patience: timedelta = timedelta(seconds=2)
    """How long one access decision may take, in seconds, whatever the calls that wait for it have left."""
    may_hide_from_patient_and_professionals: bool = False
    """Whether INVISIBLE_PATIENT and MASQUE_PS may stand together (EX_2.1-1050, cumul-invisible_patient-masque_ps)."""
    withdrawal_wait: timedelta = timedelta(milliseconds=505)
    """How long after its commit a masking is acknowledged, in seconds: every permit has ended by then (architecture.md 5)."""
    additions_gathered_for: timedelta = Field(default=timedelta(seconds=10), ge=timedelta(0), le=timedelta(minutes=5))
    """How long after a deposit consent is told of it, in seconds: what is deposited into the same record meanwhile is told with it."""
    additions_every: timedelta = Field(default=timedelta(seconds=1), gt=timedelta(0), le=timedelta(seconds=30))
    """Pause between two looks for deposits of which consent is still to be told, in seconds."""
    sweep_every: timedelta = timedelta(seconds=10)
    """How often chunks of deposits that were never finished are looked for, in seconds."""
