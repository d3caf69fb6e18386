"""What a service cannot do without is read before it waits for anything: a fault names the variable, the file, and what must be in it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from carnet_dev.certificates import Authority
from carnet_dev.key_files import master_key_folder
from carnet_platform.own_files import OwnFiles
from carnet_platform.settings import PlatformSettings, SettingsError

MONGO = "mongodb://consent:secret@127.0.0.1:9,127.0.0.1:10/consent?replicaSet=rs0"
REDIS = "redis://identity:secret@127.0.0.1:9/0"
Change = Callable[[Path], object]


@pytest.fixture
def folder(tmp_path: Path, certificates: Authority) -> Path:
    """Everything right."""
    certificates.issue(tmp_path / "certificate", "consent")
    master_key_folder(tmp_path / "keys", datetime(2026, 1, 1, tzinfo=UTC).date())
    (tmp_path / "mongo_url").write_text(MONGO + "\n")
    (tmp_path / "redis_url").write_text(REDIS)
    return tmp_path


def read(folder: Path) -> OwnFiles:
    settings = PlatformSettings(
        listen="127.0.0.1:1",
        health_listen="127.0.0.1:2",
        certificate_folder=folder / "certificate",
        mongo_url_file=folder / "mongo_url",
        redis_url_file=folder / "redis_url",
        master_key_folder=folder / "keys",
    )
    return OwnFiles("consent", settings)


def faults(folder: Path) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(folder)
    return str(caught.value).splitlines()


def test_right_files_are_read(folder: Path) -> None:
    files = read(folder)
    assert files.url(folder / "mongo_url") == MONGO
    assert files.keys is not None
    assert files.certificates.name == "spiffe://carnet/consent"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda file: file.unlink(), ": No such file or directory."),
        (lambda file: (file.unlink(), file.mkdir()), ": Is a directory."),
        (lambda file: file.write_text(" \n"), " is empty."),
        (lambda file: file.write_bytes(b"\xff"), " is not text in UTF-8."),
        (lambda file: file.write_text("secret"), " does not begin with "),
    ],
)
@pytest.mark.parametrize("name", ["mongo_url", "redis_url"])
def test_a_url_file_that_cannot_be_used_is_named_with_its_variable_and_what_must_be_in_it(
    folder: Path, name: str, change: Change, told: str
) -> None:
    change(folder / name)
    (line,) = faults(folder)
    assert line.startswith(f"CARNET_{name.upper()}_FILE: {folder / name}{told}")
    assert "File that holds the" in line
    assert line.endswith("Mode 0600.")
    assert "secret" not in line


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mongodb://consent:secret@127.0.0.1:9/?replicaSet=rs0", "names no database"),
        ("mongodb://consent:sec/ret@127.0.0.1:9/consent", "cannot be used"),
        ("mongodb://consent:secret@127.0.0.1:x/consent", "cannot be used"),
        ("mongodb://127.0.0.1:9/consent?tls=true&tlsCAFile=/nowhere/secret.pem", "cannot be used"),
        (REDIS, "does not begin with mongodb:// or mongodb+srv://"),
    ],
)
def test_a_mongodb_url_that_leads_nowhere_is_refused_without_quoting_it(folder: Path, url: str, told: str) -> None:
    (folder / "mongo_url").write_text(url)
    (line,) = faults(folder)
    assert told in line
    assert "sec" not in line


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda keys: (keys / "derive.key").unlink(), "derive.key: No such file"),
        (lambda keys: (keys / "2026-01-01.key").unlink(), "no master key named <YYYY-MM-DD>.key was found"),
        (lambda keys: keys.rename(keys.with_name("away")), "keys: No such file"),
        (lambda keys: (keys / "derive.key").chmod(0o640), "derive.key: a key file must be closed to group and others (mode 0600)"),
        (lambda keys: (keys / "derive.key").write_bytes(b"\xff"), "derive.key: a key is 64 hexadecimal digits"),
        (lambda keys: (keys / "2026-01-01.key").rename(keys / "master.key"), "master.key: a master key is named after its date"),
    ],
)
def test_a_folder_of_master_keys_that_cannot_be_used_is_named_with_its_variable(folder: Path, change: Change, told: str) -> None:
    change(folder / "keys")
    (line,) = faults(folder)
    assert line.startswith(f"CARNET_MASTER_KEY_FOLDER: {folder / 'keys'}")
    assert told in line
    assert line.endswith(
        "Folder with dated master keys (YYYY-MM-DD.key) and derive.key, 32 bytes each as 64 hexadecimal digits, mode 0600."
    )


def test_everything_wrong_is_told_at_once(folder: Path, certificates: Authority) -> None:
    (folder / "mongo_url").unlink()
    (folder / "keys" / "derive.key").unlink()
    certificates.issue(folder / "certificate", "consent", not_before=datetime.now(UTC) - timedelta(days=365))
    named = [line.partition(":")[0] for line in faults(folder)]
    assert named == ["CARNET_MONGO_URL_FILE", "CARNET_MASTER_KEY_FOLDER", "CARNET_CERTIFICATE_FOLDER"]
