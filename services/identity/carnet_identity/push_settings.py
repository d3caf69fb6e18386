"""The settings of push: the gateway that tells devices. Without one, no device can be added, and nobody is told by push."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Self

from carnet_platform.settings import PlatformSettings
from pydantic import Field, model_validator


class PushSettings(PlatformSettings):
    """How devices are told."""

    push_gateway: str | None = Field(default=None, pattern=r"^https?://[^\s/@?#]+(/[^\s@?#]*)?$")
    """URL of the push gateway, e.g. the portal's push server, which is told by webhook (Standard Webhooks). Absent: the service starts,
    and adding a device is refused. `http` in development alone."""
    push_secret_file: Path | None = None
    """File with the secret that webhooks are signed with, `whsec_` and 24 to 64 bytes in base64; a second line holds a further one while
    one takes the place of the other. Required with `CARNET_PUSH_GATEWAY`."""
    push_ca_file: Path | None = None
    """PEM file of the authorities that may have issued the gateway's certificate. Absent: those of the machine."""
    push_patience: timedelta = Field(default=timedelta(seconds=5), gt=timedelta(0), le=timedelta(minutes=1))
    """How long the gateway may take for a message, in seconds; then it is tried again later."""
    push_connections: int = Field(default=2, ge=1, le=50)
    """Connections to the gateway that each process uses at most; they are kept."""
    push_attempts: int = Field(default=10, ge=1, le=100)
    """How often a device is told of a notice, after pauses that grow from five seconds to half an hour, each shortened by chance; then an
    alarm says that it was not delivered."""
    portal_url: str = Field(default="", pattern=r"^(https://[^\s@]+)?$")
    """Where a person logs in, in what devices are told. Required with `CARNET_PUSH_GATEWAY`."""

    @model_validator(mode="after")
    def _push_is_private_and_signed(self) -> Self:
        if self.push_gateway is None:
            return self
        if self.push_gateway.startswith("http:") and self.environment != "development":
            raise ValueError("CARNET_PUSH_GATEWAY: outside development the push gateway is spoken to over TLS: https")
        if self.push_secret_file is None:
            raise ValueError("CARNET_PUSH_SECRET_FILE: missing; what the push gateway is told is signed: set it with CARNET_PUSH_GATEWAY")
        if not self.portal_url:
            raise ValueError("CARNET_PORTAL_URL: missing; a device is told where to log in: set it with CARNET_PUSH_GATEWAY")
        return self
