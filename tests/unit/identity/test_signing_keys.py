"""The keys that sign user tokens: published before they sign, taken up and taken away without a restart."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from carnet_dev.key_files import signing_key_file
from carnet_identity.storage.signing_keys import SigningKeys
from carnet_platform.settings import SettingsError
from joserfc import jws
from joserfc.jwk import ECKey
from support.hand_clock import HandClock

LEAD = timedelta(minutes=2)


def add(folder: Path, name: str, clock: HandClock, *, age: timedelta = timedelta(0)) -> str:
    """Puts a key there that was written so long ago; gives its kid."""
    file = signing_key_file(folder / f"{name}.pem")
    written = (clock.now() - age).timestamp()
    os.utime(file, (written, written))
    return ECKey.import_key(file.read_bytes()).thumbprint()


def published(keys: SigningKeys) -> list[str]:
    return [key["kid"] for key in json.loads(keys.published())["keys"]]


def signer(keys: SigningKeys) -> str:
    return str(jws.extract_compact(keys.sign({"sub": "x"}).encode()).headers()["kid"])


def test_a_new_key_is_published_at_once_and_signs_when_it_is_known_everywhere(tmp_path: Path) -> None:
    clock = HandClock()
    old = add(tmp_path, "2026-01-01", clock, age=timedelta(days=30))
    keys = SigningKeys(tmp_path, clock, LEAD)
    new = add(tmp_path, "2026-02-01", clock)
    assert published(keys) == [old]
    keys.look()
    assert (published(keys), signer(keys)) == ([new, old], old)
    clock.seconds += LEAD.total_seconds() - 1
    assert signer(keys) == old
    clock.seconds += 1
    assert (published(keys), signer(keys)) == ([new, old], new)


def test_a_key_taken_away_is_published_no_longer(tmp_path: Path) -> None:
    clock = HandClock()
    add(tmp_path, "2026-01-01", clock, age=timedelta(days=30))
    new = add(tmp_path, "2026-02-01", clock, age=timedelta(days=1))
    keys = SigningKeys(tmp_path, clock, LEAD)
    (tmp_path / "2026-01-01.pem").unlink()
    keys.look()
    assert (published(keys), signer(keys)) == ([new], new)


def test_a_restart_does_not_hand_the_signing_back_to_an_old_key(tmp_path: Path) -> None:
    clock = HandClock()
    add(tmp_path, "2026-01-01", clock, age=timedelta(days=30))
    new = add(tmp_path, "2026-02-01", clock, age=timedelta(days=1))
    assert signer(SigningKeys(tmp_path, clock, LEAD)) == new


def test_where_all_are_young_the_oldest_signs_first(tmp_path: Path) -> None:
    """A replica that was just started cannot tell what the others publish yet."""
    clock = HandClock()
    old, new = add(tmp_path, "2026-01-01", clock), add(tmp_path, "2026-02-01", clock)
    keys = SigningKeys(tmp_path, clock, LEAD)
    assert signer(keys) == old
    clock.seconds += LEAD.total_seconds()
    assert signer(keys) == new


def test_a_file_dated_in_the_future_signs_after_the_same_while(tmp_path: Path) -> None:
    clock = HandClock()
    add(tmp_path, "2026-01-01", clock, age=timedelta(days=30))
    new = add(tmp_path, "2026-02-01", clock, age=-timedelta(days=400))
    keys = SigningKeys(tmp_path, clock, LEAD)
    assert signer(keys) != new
    clock.seconds += LEAD.total_seconds()
    assert signer(keys) == new


@pytest.mark.parametrize("text", ["", "not a key", "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"])
def test_a_folder_that_goes_bad_leaves_the_keys_in_hand_in_use(tmp_path: Path, text: str) -> None:
    clock = HandClock()
    old = add(tmp_path, "2026-01-01", clock, age=timedelta(days=30))
    keys = SigningKeys(tmp_path, clock, LEAD)
    bad = tmp_path / "2026-02-01.pem"
    bad.write_text(text)
    bad.chmod(0o600)
    keys.look()
    assert (published(keys), signer(keys)) == ([old], old)
    bad.unlink()
    (tmp_path / "2026-01-01.pem").unlink()
    keys.look()
    assert signer(keys) == old


def test_a_key_that_others_can_read_or_of_another_kind_stops_the_start(tmp_path: Path) -> None:
    clock = HandClock()
    with pytest.raises(SettingsError, match="holds no"):
        SigningKeys(tmp_path, clock, LEAD)
    add(tmp_path, "2026-01-01", clock)
    (tmp_path / "2026-01-01.pem").chmod(0o640)
    with pytest.raises(SettingsError, match="0600"):
        SigningKeys(tmp_path, clock, LEAD)
    (tmp_path / "2026-01-01.pem").write_bytes(ECKey.generate_key("P-384").as_pem(private=True))
    (tmp_path / "2026-01-01.pem").chmod(0o600)
    with pytest.raises(SettingsError, match="P-256"):
        SigningKeys(tmp_path, clock, LEAD)
