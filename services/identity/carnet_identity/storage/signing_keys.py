"""The keys that sign user tokens: private keys on P-256 in a folder, one file each, named so that the newest sorts last.

The newest signs; all are published, so that a key can be put there before it signs and stay until its last token has ended.
Refuses a folder without keys, a key of another kind, and a file that others on the machine can read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from carnet_platform.settings import SettingsError
from carnet_platform.tokens import ALGORITHM
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

_CURVE = "P-256"


class SigningKeys:
    """The keys of this service, newest first."""

    def __init__(self, keys: Sequence[ECKey]) -> None:
        self._keys = tuple(keys)
        published = [{**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig", "alg": ALGORITHM} for key in self._keys]
        self._published = json.dumps({"keys": published}, sort_keys=True)

    @classmethod
    def load(cls, folder: Path) -> SigningKeys:
        """The keys of the `*.pem` files of a folder.

        Raises:
            SettingsError: naming the file and the rule.
        """
        files = sorted(folder.glob("*.pem"), reverse=True)
        if not files:
            raise SettingsError("CARNET_TOKEN_KEY_FOLDER: holds no *.pem file")
        return cls([_load(file) for file in files])

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A compact JWS (ES256) by the newest key; `kid` is its RFC 7638 thumbprint."""
        key = self._keys[0]
        return jwt.encode({"alg": ALGORITHM, "kid": key.thumbprint(), "typ": "JWT"}, dict(claims), key, algorithms=[ALGORITHM])

    def published(self) -> str:
        """A JSON Web Key Set with public keys only, newest first."""
        return self._published


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
