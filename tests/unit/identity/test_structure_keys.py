"""The registered keys of structures: what a folder must hold, and what it must not."""

from pathlib import Path

import pytest
from carnet_dev.key_files import signing_key_file, structure_key_folder
from carnet_identity.storage.structure_keys import StructureKeys
from carnet_platform.settings import SettingsError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

PRACTICE, HOSPITAL = "990000010", "990000036"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The public keys of a practice, as an operator registers them."""
    return structure_key_folder(tmp_path / "private", tmp_path / "public", [PRACTICE])


def test_a_structure_has_the_keys_of_its_files_in_public_and_others_have_none(folder: Path) -> None:
    (folder / f"{PRACTICE}.pem").rename(folder / f"{PRACTICE}.2026-01.pem")
    structure_key_folder(folder / "../second", folder, [PRACTICE])
    (folder / "README.txt").write_text("not looked at")

    keys = StructureKeys(folder)

    first, second = keys.of(PRACTICE)
    assert first["kid"] != second["kid"]
    assert {"d", "p", "q"}.isdisjoint(first)
    assert (first["kty"], first["crv"], first["use"], first["alg"]) == ("EC", "P-256", "sig", "ES256")
    assert not keys.of(HOSPITAL)
    assert not StructureKeys(None).of(PRACTICE)


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("cabinet.pem", None, "is named"),
        ("990000044.pem", b"nothing", "no elliptic-curve key"),
        ("990000044.pem", "private", "a private key stays with its structure"),
        ("990000044.pem", "other curve", "no key on P-256"),
    ],
)
def test_what_is_no_public_key_of_a_structure_stops_the_start(folder: Path, name: str, content: bytes | str | None, rule: str) -> None:
    if content == "private":
        content = signing_key_file(folder / "../own.pem").read_bytes()
    elif content == "other curve":
        key = ec.generate_private_key(ec.SECP384R1()).public_key()
        content = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / name).write_bytes((folder / f"{PRACTICE}.pem").read_bytes() if content is None else bytes(content))  # type: ignore[arg-type]

    with pytest.raises(SettingsError, match=rule):
        StructureKeys(folder)


def test_a_folder_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CARNET_STRUCTURE_KEY_FOLDER"):
        StructureKeys(tmp_path / "absent")
