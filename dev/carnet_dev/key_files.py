"""Keys that lie outside the database on this machine: one folder a service, made on the first run and kept.

Losing a folder is losing what it sealed, as in production; `make clean` forgets keys and data together.
"""

import secrets
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from carnet_dev.private_files import write_private

_KEY_BYTES = 32


def master_key_folder(folder: Path, today: date) -> Path:
    """`folder` with a dated master key (`<YYYY-MM-DD>.key`) and `derive.key`, each 64 hexadecimal digits, mode 0600."""
    derive = folder / "derive.key"
    if not derive.exists():
        write_private(derive, secrets.token_hex(_KEY_BYTES))
    if not any(path != derive for path in folder.glob("*.key")):
        write_private(folder / f"{today.isoformat()}.key", secrets.token_hex(_KEY_BYTES))
    return folder


def structure_key_folder(private: Path, public: Path, structures: Iterable[str]) -> Path:
    """`public` with a structure's public key in `<FINESS>.pem`, as an operator registers it; the private ones lie in `private` likewise."""
    for finess in structures:
        file = signing_key_file(private / f"{finess}.pem")
        key = serialization.load_pem_private_key(file.read_bytes(), None).public_key()
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        write_private(public / file.name, key.public_bytes(encoding, form))
    return public


def signing_key_file(file: Path) -> Path:
    """`file` with a private key on P-256 (PKCS 8, PEM), for signatures with ES256."""
    if not file.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        write_private(file, key.private_bytes(encoding, form, serialization.NoEncryption()))
    return file
