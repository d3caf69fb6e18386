"""The public keys with which structures sign that somebody is in their care (care-contact tokens): one PEM file a key, in a folder.

A file is named after the structure, as the directory knows it: `<FINESS>.pem`, or `<FINESS>.<whatever>.pem` for a second key while the
first is still in use (`3` and the SIRET where a structure has no FINESS). All are read at the start. Refuses a file that holds a private
key, a key of another kind than P-256, or no key at all: whoever registers one is told at once.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from carnet_platform.settings import SettingsError
from carnet_platform.tokens import ALGORITHM
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

_NAME = re.compile(r"([A-Z0-9]{9,64})(?:\.[A-Za-z0-9_-]+)*\.pem")
_CURVE = "P-256"


class StructureKeys:
    """The registered keys, by what the directory knows their structure by."""

    def __init__(self, folder: Path | None) -> None:
        """The keys of a folder; none without one. Raises SettingsError, naming the file and the rule."""
        self._keys: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        try:
            for file in [] if folder is None else sorted(folder.iterdir()):
                if file.suffix == ".pem":
                    self._keys[_structure(file)].append(_published(file))
        except OSError as error:
            raise SettingsError(f"CARNET_STRUCTURE_KEY_FOLDER: {error.filename}: {error.strerror}") from None

    def of(self, structure_key: str) -> Sequence[Mapping[str, Any]]:
        """Each as a public JSON Web Key; `kid` is its RFC 7638 thumbprint."""
        return self._keys.get(structure_key, ())


def _structure(file: Path) -> str:
    named = _NAME.fullmatch(file.name)
    if named is None:
        raise SettingsError(f"CARNET_STRUCTURE_KEY_FOLDER: {file.name}: is named <FINESS>.pem or <FINESS>.<whatever>.pem")
    return named[1]


def _published(file: Path) -> Mapping[str, Any]:
    try:
        key = ECKey.import_key(file.read_bytes())
    except (JoseError, ValueError, TypeError):
        raise SettingsError(f"CARNET_STRUCTURE_KEY_FOLDER: {file.name}: no elliptic-curve key in PEM") from None
    if key.is_private:
        raise SettingsError(f"CARNET_STRUCTURE_KEY_FOLDER: {file.name}: a private key stays with its structure; put the public one here")
    said = key.as_dict(private=False)
    if said.get("crv") != _CURVE:
        raise SettingsError(f"CARNET_STRUCTURE_KEY_FOLDER: {file.name}: no key on P-256")
    return {**said, "kid": key.thumbprint(), "use": "sig", "alg": ALGORITHM}
