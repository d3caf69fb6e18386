"""Keys that stay outside the database: dated master keys, and the key other keys are derived from.

Promises that every wrapped key names the master key it needs, so that master keys rotate by adding a file, and that derived
keys of two purposes or subjects are unrelated. Refuses to load a folder that others on the machine can read, or that lacks a key.
"""

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from carnet_platform.envelope import KEY_BYTES, Context, EnvelopeError, join_parts, new_key, seal, split_parts, unseal

_DERIVE_FILE: Final = "derive.key"
_HEX_KEY: Final = re.compile(r"[0-9a-fA-F]{64}")
_WRAP_PREFIX: Final = b"\x01"
_NAME_BYTES: Final = len("2026-01-31")
_SEALS_PER_DATA_KEY: Final = 2**20
"""Far below the 2**32 random nonces of one AES-GCM key."""


class MasterKeys:
    """The master keys of one service."""

    def __init__(self, keys: Mapping[str, bytes], derive_key: bytes) -> None:
        """Take keys by date (`YYYY-MM-DD`), the newest being current, and the key to derive from; each 32 bytes."""
        if not keys:
            raise ValueError("no master key named <YYYY-MM-DD>.key was found")
        self._keys = dict(keys)
        self._current = max(keys)
        self._derive_key = derive_key

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `<YYYY-MM-DD>.key` files and `derive.key`: 64 hexadecimal digits each, closed to group and others.

        Raises ValueError or OSError, naming the file and never its content.
        """
        names = sorted(path.stem for path in folder.iterdir() if path.suffix == ".key" and path.name != _DERIVE_FILE)
        for name in names:
            _check_date(name)
        return cls({name: _read_key(folder / f"{name}.key") for name in names}, _read_key(folder / _DERIVE_FILE))

    def wrap(self, key: bytes, context: Context) -> bytes:
        """Return `key` sealed under the current master key, preceded by that key's name."""
        name = self._current.encode()
        return _WRAP_PREFIX + name + seal(self._keys[self._current], key, _wrapping(context))

    def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        """Return the key `wrap` wrapped for this context; EnvelopeError when it does not open or its master key is gone."""
        name = wrapped[1 : 1 + _NAME_BYTES].decode("ascii", "replace")
        master = self._keys.get(name)
        if wrapped[:1] != _WRAP_PREFIX or master is None:
            raise EnvelopeError("a wrapped key names no master key of this service")
        return unseal(master, wrapped[1 + _NAME_BYTES :], _wrapping(context))

    def is_current(self, wrapped: bytes) -> bool:
        """Tell whether `wrapped` needs no rewrapping after a rotation."""
        return wrapped[: 1 + _NAME_BYTES] == _WRAP_PREFIX + self._current.encode()

    def derive(self, purpose: str, subject: str = "") -> bytes:
        """Return the 32 bytes that belong to (purpose, subject) for ever (HKDF-SHA256, RFC 5869); for MACs and blind indexes."""
        return _derive(self._derive_key, purpose, subject)


class Sealer:
    """Seals short values of one collection under a random data key that travels, wrapped, with each of them.

    So every process of the service opens what any of them sealed, and what is sealed follows the rotation of master keys.
    """

    def __init__(self, keys: MasterKeys, collection: str) -> None:
        self._keys = keys
        self._context = Context(collection, "data_key")
        self._opened: dict[bytes, bytes] = {}
        self._renew()

    def seal(self, plaintext: bytes, context: Context) -> bytes:
        """Return the wrapped data key and the sealed value, as one blob."""
        if self._left == 0:
            self._renew()
        self._left -= 1
        return join_parts(self._wrapped, seal(self._key, plaintext, context))

    def unseal(self, blob: bytes, context: Context) -> bytes:
        """Return what any process of this service sealed for this context, or raise EnvelopeError."""
        parts = split_parts(blob)
        if len(parts) != 2:  # noqa: PLR2004  the wrapped key and the value
            raise EnvelopeError("a sealed blob has not two parts")
        return unseal(self._open(parts[0]), parts[1], context)

    def _open(self, wrapped: bytes) -> bytes:
        key = self._opened.get(wrapped)
        if key is None:
            key = self._keys.unwrap(wrapped, self._context)
            if len(self._opened) >= 256:  # noqa: PLR2004  one a process and start: a bound, not a tuning
                self._opened.clear()
            self._opened[wrapped] = key
        return key

    def _renew(self) -> None:
        self._key, self._left = new_key(), _SEALS_PER_DATA_KEY
        self._wrapped = self._keys.wrap(self._key, self._context)


@lru_cache(maxsize=4096)
def _derive(key: bytes, purpose: str, subject: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"carnet/1" + join_parts(purpose.encode(), subject.encode())).derive(key)


def _wrapping(context: Context) -> Context:
    # A wrapped key and a sealed value of the same place must never open as each other.
    return Context(context.collection, f"{context.field}#key", context.subject, context.item, context.version, context.chunk)


def _read_key(path: Path) -> bytes:
    if path.stat().st_mode & 0o077:
        raise ValueError(f"{path.name}: a key file must be closed to group and others (mode 0600)")
    text = path.read_bytes().decode("ascii", "replace").strip()
    if not _HEX_KEY.fullmatch(text):
        raise ValueError(f"{path.name}: a key is 64 hexadecimal digits")
    return bytes.fromhex(text)


def _check_date(name: str) -> None:
    try:
        is_date = len(name) == _NAME_BYTES and date.fromisoformat(name).isoformat() == name
    except ValueError:
        is_date = False
    if not is_date:
        raise ValueError(f"{name}.key: a master key is named after its date, <YYYY-MM-DD>.key")
