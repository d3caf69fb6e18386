"""A session: what one exchange at SessionService opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who acts, through which certificate, until when. Instants are in UTC."""

    id: str
    subject: str
    role: str
    organisation: str
    """`structures/{structure}` acted for; empty for a patient."""
    purpose: str
    """Name of a PurposeOfUse without its prefix."""
    specialty: str
    software: str
    """URI name of the certificate that opened it."""
    presenter: str
    """Thumbprint of that certificate."""
    begin_time: datetime
    expire_time: datetime
    assertion_time: datetime | None = None
    """When the assertion it came from was issued; None for one opened by certificate."""
    assertion_mark: bytes | None = None
    """Stands for issuer and id of that assertion, which opens one session only; None for one opened by certificate."""
    revoke_time: datetime | None = None

    @property
    def name(self) -> str:
        """`sessions/{session}`, opaque."""
        return f"sessions/{self.id}"
