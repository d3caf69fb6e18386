"""Keys outside the database: dated, rotated by adding a file, closed to others, derived apart for each purpose."""

from pathlib import Path

import pytest
from carnet_platform.envelope import Context, EnvelopeError, new_key, unseal
from carnet_platform.keys import MasterKeys, Sealer

PLACE = Context("things", "key", subject="a")


def write_key(folder: Path, name: str, mode: int = 0o600, content: str | None = None) -> None:
    file = folder / name
    file.write_text(new_key().hex() if content is None else content)
    file.chmod(mode)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_key(tmp_path, "2026-01-31.key")
    write_key(tmp_path, "derive.key")
    return tmp_path


def test_a_wrapped_key_is_unwrapped_at_its_place_only(folder: Path) -> None:
    keys, key = MasterKeys.load(folder), new_key()
    wrapped = keys.wrap(key, PLACE)

    assert keys.unwrap(wrapped, PLACE) == key
    with pytest.raises(EnvelopeError):
        keys.unwrap(wrapped, Context("things", "key", subject="b"))


def test_a_newer_file_becomes_current_and_the_older_still_opens(folder: Path) -> None:
    key = new_key()
    old = MasterKeys.load(folder).wrap(key, PLACE)
    write_key(folder, "2026-02-01.key")
    keys = MasterKeys.load(folder)
    new = keys.wrap(key, PLACE)

    assert keys.unwrap(old, PLACE) == keys.unwrap(new, PLACE) == key
    assert keys.is_current(new)
    assert not keys.is_current(old)


def test_a_key_wrapped_under_a_master_key_that_is_gone_does_not_open(folder: Path) -> None:
    wrapped = MasterKeys.load(folder).wrap(new_key(), PLACE)
    (folder / "2026-01-31.key").rename(folder / "2026-02-01.key")

    with pytest.raises(EnvelopeError):
        MasterKeys.load(folder).unwrap(wrapped, PLACE)


@pytest.mark.parametrize("wrapped", [b"", b"\x01", b"\x022026-01-31", b"\xff" * 60])
def test_bytes_that_are_no_wrapped_key_are_refused(folder: Path, wrapped: bytes) -> None:
    with pytest.raises(EnvelopeError):
        MasterKeys.load(folder).unwrap(wrapped, PLACE)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_file_open_to_others_is_refused(folder: Path, mode: int) -> None:
    (folder / "derive.key").chmod(mode)

    with pytest.raises(ValueError, match=r"derive.key: .*0600"):
        MasterKeys.load(folder)


@pytest.mark.parametrize("name", ["2026-1-31.key", "2026-02-30.key", "20260131.key", "master.key"])
def test_a_master_key_not_named_after_a_date_is_refused(folder: Path, name: str) -> None:
    write_key(folder, name)

    with pytest.raises(ValueError, match="named after its date"):
        MasterKeys.load(folder)


def test_a_short_key_is_refused_without_telling_it(folder: Path) -> None:
    write_key(folder, "2026-02-01.key", content="abcd" * 8)

    with pytest.raises(ValueError, match="64 hexadecimal digits") as refusal:
        MasterKeys.load(folder)
    assert "abcd" not in str(refusal.value)


def test_a_folder_without_a_master_key_or_the_derive_key_is_refused(folder: Path) -> None:
    (folder / "derive.key").unlink()
    with pytest.raises(FileNotFoundError):
        MasterKeys.load(folder)
    write_key(folder, "derive.key")
    (folder / "2026-01-31.key").unlink()
    with pytest.raises(ValueError, match="no master key"):
        MasterKeys.load(folder)


def test_derived_keys_stay_the_same_and_differ_by_purpose_and_subject(folder: Path) -> None:
    keys = MasterKeys.load(folder)
    derived = {keys.derive("seal", "a"), keys.derive("seal", "b"), keys.derive("index", "a"), keys.derive("seal"), keys.derive("seala")}

    assert len(derived) == 5
    assert MasterKeys.load(folder).derive("seal", "a") in derived


def test_one_process_opens_what_another_sealed(folder: Path) -> None:
    place = Context("things", "body", item="1")
    sealed = Sealer(MasterKeys.load(folder), "things").seal(b"text", place)
    other = Sealer(MasterKeys.load(folder), "things")

    assert other.unseal(sealed, place) == b"text"
    with pytest.raises(EnvelopeError):
        other.unseal(sealed, Context("things", "body", item="2"))
    with pytest.raises(EnvelopeError):
        Sealer(MasterKeys.load(folder), "others").unseal(sealed, place)


def test_a_wrapped_key_does_not_open_as_a_sealed_value(folder: Path) -> None:
    write_key(folder, "2026-01-31.key", content="11" * 32)
    wrapped = MasterKeys.load(folder).wrap(new_key(), PLACE)

    with pytest.raises(EnvelopeError):
        unseal(b"\x11" * 32, wrapped[11:], PLACE)
