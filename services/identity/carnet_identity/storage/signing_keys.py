"""The keys that sign user tokens: private keys on P-256 in a folder, one file each, named so that the newest sorts last.

All are published as soon as they are seen, so that a key is known everywhere before it signs. The newest signs once it has been published
for a while (`lead`); until then an older one does. The folder is looked into again and again: a key added or taken away counts without a
restart, and the last good keys stay in use while the folder cannot be read. A key is taken to be as old as its file, or as this process
has known it, whichever is more; where all are young, as after an installation, the oldest by name signs.

Refuses a folder without keys, a key of another kind, and a file that others on the machine can read.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from carnet_platform.clock import Clock
from carnet_platform.settings import SettingsError
from carnet_platform.tokens import ALGORITHM
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

_CURVE = "P-256"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Key:
    key: ECKey
    written: float
    """When its file was, in seconds since 1970."""
    seen: float
    """When this process first saw it, on the boot-time clock."""


class SigningKeys:
    """The keys of this service, newest first."""

    def __init__(self, folder: Path, clock: Clock, lead: timedelta) -> None:
        """The keys of the `*.pem` files of a folder.

        Raises:
            SettingsError: naming the file and the rule.
            OSError: when the folder or a file cannot be read.
        """
        self._folder = folder
        self._clock = clock
        self._lead = lead.total_seconds()
        self._told = ""
        self._keys: Sequence[_Key] = ()
        self._keys = self._read()

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A compact JWS (ES256) by the key whose turn it is; `kid` is its RFC 7638 thumbprint."""
        key = self._signing()
        return jwt.encode({"alg": ALGORITHM, "kid": key.thumbprint(), "typ": "JWT"}, dict(claims), key, algorithms=[ALGORITHM])

    def published(self) -> str:
        """A JSON Web Key Set with public keys only, newest first."""
        keys = [one.key for one in self._keys]
        published = [{**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig", "alg": ALGORITHM} for key in keys]
        return json.dumps({"keys": published}, sort_keys=True)

    async def follow(self, every: timedelta) -> None:
        """Takes up what changes in the folder, as long as the process lives."""
        while True:
            await asyncio.sleep(every.total_seconds())
            self.look()

    def look(self) -> None:
        """Reads the folder again. What is wrong with it is told once, and the keys in hand stay."""
        try:
            keys = self._read()
        except (SettingsError, OSError) as error:
            fault = str(error) if isinstance(error, SettingsError) else type(error).__name__
            if fault != self._told:
                _log.error("signing_keys.kept_old", fault=fault)
            self._told = fault
            return
        self._told = ""
        if [one.key.thumbprint() for one in keys] != [one.key.thumbprint() for one in self._keys]:
            _log.info("signing_keys.changed", keys=len(keys))
        self._keys = keys

    def _signing(self) -> ECKey:
        now, since_boot = self._clock.now().timestamp(), self._clock.boottime()
        grown = (one.key for one in self._keys if max(now - one.written, since_boot - one.seen) >= self._lead)
        return next(grown, self._keys[-1].key)

    def _read(self) -> Sequence[_Key]:
        files = sorted(self._folder.glob("*.pem"), reverse=True)
        if not files:
            raise SettingsError("CARNET_TOKEN_KEY_FOLDER: holds no *.pem file")
        known = {one.key.thumbprint(): one.seen for one in self._keys}
        now = self._clock.boottime()
        keys = [(_load(file), file.stat().st_mtime) for file in files]
        return tuple(_Key(key, written, known.get(key.thumbprint(), now)) for key, written in keys)


def _load(file: Path) -> ECKey:
    if file.stat().st_mode & 0o077:
        raise SettingsError(f"CARNET_TOKEN_KEY_FOLDER: {file.name}: a key file must be closed to group and others (mode 0600)")
    try:
        key = ECKey.import_key(file.read_bytes())
    except (JoseError, ValueError, TypeError):
        raise SettingsError(f"CARNET_TOKEN_KEY_FOLDER: {file.name}: no elliptic-curve key in PEM") from None
    if not key.is_private or key.as_dict(private=False).get("crv") != _CURVE:
        raise SettingsError(f"CARNET_TOKEN_KEY_FOLDER: {file.name}: no private key on P-256")
    return key
