"""Key folders of a local run: made once, private, in the form the platform reads."""

import re
import stat
from datetime import date
from pathlib import Path

import pytest
from carnet_dev.cli import _overrides
from carnet_dev.key_files import master_key_folder, signing_key_file
from carnet_dev.private_files import kept_secret
from carnet_platform.keys import MasterKeys


def test_the_platform_reads_the_folder(tmp_path: Path) -> None:
    keys = MasterKeys.load(master_key_folder(tmp_path, date(2026, 11, 21)))
    assert len(keys.derive("any")) == 32
    assert (tmp_path / "2026-11-21.key").exists()


def test_another_day_makes_no_other_key(tmp_path: Path) -> None:
    master_key_folder(tmp_path, date(2026, 11, 21))
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    master_key_folder(tmp_path, date(2026, 11, 22))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before


def test_a_signing_key_is_made_once_and_private(tmp_path: Path) -> None:
    file = signing_key_file(tmp_path / "deep" / "signing.pem")
    content = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert signing_key_file(file).read_bytes() == content


def test_a_secret_is_kept(tmp_path: Path) -> None:
    assert kept_secret(tmp_path / "one") == kept_secret(tmp_path / "one") != kept_secret(tmp_path / "two")


def test_settings_are_given_by_service() -> None:
    assert _overrides(["consent.a=1", "all.b=x=y", "consent.c="]) == {"consent": {"a": "1", "c": ""}, "all": {"b": "x=y"}}


@pytest.mark.parametrize("word", ["consent", "consent.a", "nobody.a=1", "consent.=1"])
def test_a_malformed_setting_ends_the_program(word: str) -> None:
    with pytest.raises(SystemExit, match=re.escape("SERVICE.SETTING=VALUE")):
        _overrides([word])
