"""Puts push together, for the correspondence: the secret, the trust in the gateway's certificate, and the client.

Everything that the settings name is read at the start, and stops it when it cannot be used. The gateway itself is not waited for.
"""

from __future__ import annotations

import base64
import binascii
import random
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx
from carnet_platform.platform import Platform
from carnet_platform.settings import SettingsError

from carnet_identity.clients.push_gateway import NoPushGateway, PushGateway, PushGatewayRules
from carnet_identity.push_settings import PushSettings

_PREFIX = "whsec_"
_SECRET_LENGTHS = range(24, 65)
_MOST_SECRETS = 2
_chance = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Pushing:
    """What the settings lead to, read and found good."""

    settings: PushSettings
    rules: PushGatewayRules | None
    trusted: ssl.SSLContext | None
    """None: no TLS, in development alone."""

    @classmethod
    def read(cls, settings: PushSettings) -> Self:
        """Raises SettingsError."""
        if settings.push_gateway is None or settings.push_secret_file is None:
            return cls(settings, None, None)
        rules = PushGatewayRules(
            url=settings.push_gateway, secrets=read_secrets(settings.push_secret_file), patience=settings.push_patience
        )
        is_plain = settings.push_gateway.startswith("http:")
        return cls(settings, rules, None if is_plain else trust(settings.push_ca_file, "CARNET_PUSH_CA_FILE"))

    def gateway(self, platform: Platform) -> PushGateway | NoPushGateway:
        """The client, closed when the process stops."""
        if self.rules is None:
            platform.logger.info("push.none", setting="CARNET_PUSH_GATEWAY")
            return NoPushGateway()
        http = client(self.rules, self.trusted, self.settings.push_connections)
        platform.on_stop(http.aclose)
        return PushGateway(self.rules, http, platform.clock)


def client(rules: PushGatewayRules, trusted: ssl.SSLContext | None, connections: int) -> httpx.AsyncClient:
    """A client that follows no redirect, and takes no proxy or certificate from the environment: whom we trust is said by the settings."""
    return httpx.AsyncClient(
        verify=True if trusted is None else trusted,
        timeout=rules.patience.total_seconds(),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        follow_redirects=False,
        trust_env=False,
    )


def jitter() -> float:
    """By how much a pause is shortened by chance, so that what failed together is not tried together."""
    return _chance.uniform(0.5, 1)


def trust(file: Path | None, setting: str) -> ssl.SSLContext:
    """TLS that believes the authorities of a file, or those of the machine. Raises SettingsError."""
    try:
        return ssl.create_default_context(cafile=file)
    except ssl.SSLError:
        raise SettingsError(f"{setting}: {file} holds no certificate in PEM") from None
    except OSError as error:
        raise SettingsError(f"{setting}: {file}: {error.strerror}") from None


def read_secrets(file: Path) -> tuple[bytes, ...]:
    """The secrets of a file, the one for longest first. Raises SettingsError, which does not quote it."""
    rule = f"CARNET_PUSH_SECRET_FILE: {file} must hold one or two lines, each {_PREFIX} and 24 to 64 bytes in base64"
    try:
        lines = file.read_text(encoding="ascii").split()
        secrets = tuple(base64.b64decode(line.removeprefix(_PREFIX), validate=True) for line in lines if line.startswith(_PREFIX))
    except OSError as error:
        raise SettingsError(f"CARNET_PUSH_SECRET_FILE: {file}: {error.strerror}") from None
    except (ValueError, binascii.Error):
        raise SettingsError(rule) from None
    if len(secrets) != len(lines) or not 1 <= len(secrets) <= _MOST_SECRETS or any(len(one) not in _SECRET_LENGTHS for one in secrets):
        raise SettingsError(rule)
    return secrets
