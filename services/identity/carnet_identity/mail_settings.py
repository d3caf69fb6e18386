"""The settings of contact channels and of the mail server that letters go through. Without a server, nobody can add a channel."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from carnet_platform.settings import PlatformSettings
from pydantic import Field, model_validator

_PLAIN_ADDRESS = r"^[A-Za-z0-9._+-]+@[a-z0-9-]+(\.[a-z0-9-]+)*$"


class MailSettings(PlatformSettings):
    """How letters are sent, and how contact channels are verified."""

    smtp_server: str | None = Field(default=None, pattern=r"^[^\s:/@]+:\d{1,5}$")
    """host:port of the mail server that takes letters (submission). Absent: the service starts, and adding a channel is refused."""
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted: `starttls` (usually port 587), `tls` from the first byte (usually 465). `none` is refused in
    production."""
    smtp_ca_file: Path | None = None
    """PEM file of the authorities that may have issued the mail server's certificate. Absent: those of the machine."""
    smtp_credentials_file: Path | None = None
    """File with two lines, user and password at the mail server. Absent: it takes letters without."""
    smtp_patience: timedelta = Field(default=timedelta(seconds=5), gt=timedelta(0), le=timedelta(minutes=1))
    """How long the mail server may take for a letter, or to say that it is there, in seconds; then it counts as down."""
    smtp_connections: int = Field(default=2, ge=1, le=50)
    """Connections to the mail server that each process uses at most; they are kept."""
    mail_sender: str = Field(default="", pattern=rf"{_PLAIN_ADDRESS}|^$")
    """Address that letters come from; its domain stands in their Message-ID. Required with `CARNET_SMTP_SERVER`."""
    mail_templates: str = Field(default="", pattern=r"^(\d{4}-\d{2}-\d{2})?$")
    """Version of the letters' templates (YYYY-MM-DD). Empty: the newest delivered."""
    mail_every: timedelta = Field(default=timedelta(seconds=1), gt=timedelta(0))
    """Pause between two looks for letters to be sent, in seconds; one that this process queued is sent at once."""
    mail_attempts: int = Field(default=10, ge=1, le=100)
    """How often a letter is tried, after pauses that grow from five seconds to half an hour; then an alarm says that it was not
    delivered."""
    mail_queue: int = Field(default=10_000, ge=1)
    """Letters that may wait. When there are more, adding a channel is refused."""
    contact_code_lifetime: timedelta = Field(default=timedelta(minutes=15), ge=timedelta(minutes=1), le=timedelta(hours=24))
    """How long a code sent to a contact address is good, in seconds."""
    contact_codes_to_a_person: int = Field(default=5, ge=1, le=100)
    """Codes sent for one person within an hour; another is refused, with an alarm."""
    contact_codes_to_a_mailbox: int = Field(default=10, ge=1, le=900)
    """Codes sent to one mailbox within an hour, whoever asks; another is not sent and answered alike, with an alarm."""

    @model_validator(mode="after")
    def _mail_is_private_and_has_a_sender(self) -> Self:
        if self.smtp_server is None:
            return self
        if not self.mail_sender:
            raise ValueError("CARNET_MAIL_SENDER: missing; letters come from somebody: set it with CARNET_SMTP_SERVER")
        if self.smtp_security == "none":
            if self.environment == "production":
                raise ValueError("CARNET_SMTP_SECURITY: in production the mail server is spoken to over TLS: starttls or tls")
            if self.smtp_credentials_file is not None:
                raise ValueError("CARNET_SMTP_CREDENTIALS_FILE: a password does not travel without TLS")
        return self
