"""Settings stop the start when they are wrong, and say which and why, never the value."""

from datetime import timedelta
from pathlib import Path

import pytest
from carnet_platform.settings import PlatformSettings, SettingsError, load

GOOD = {
    "CARNET_LISTEN": "127.0.0.1:1",
    "CARNET_HEALTH_LISTEN": "127.0.0.1:2",
    "CARNET_CERTIFICATE_FOLDER": "certificates",
    "CARNET_MONGO_URL_FILE": "mongo",
}


def given(monkeypatch: pytest.MonkeyPatch, **changes: str) -> None:
    for name, value in (GOOD | changes).items():
        monkeypatch.setenv(name, value)


def test_good_settings_are_read_with_their_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, CARNET_STOP_GRACE="PT2.5S")
    settings = load(PlatformSettings)
    assert settings.environment == "production"
    assert settings.certificate_folder == Path("certificates")
    assert settings.stop_grace == timedelta(seconds=2.5)


def test_an_unknown_variable_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, CARNET_MAX_CONCURENT_CALLS="5")
    with pytest.raises(SettingsError, match="CARNET_MAX_CONCURENT_CALLS: no such setting"):
        load(PlatformSettings)


def test_every_fault_is_told_at_once_and_no_value_is(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, CARNET_WORKERS="secret0", CARNET_MONGO_DRIVER="secret1")
    monkeypatch.delenv("CARNET_LISTEN")
    with pytest.raises(SettingsError) as caught:
        load(PlatformSettings)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["CARNET_LISTEN", "CARNET_MONGO_DRIVER", "CARNET_WORKERS"]
    assert "secret" not in str(caught.value)


def test_time_does_not_move_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, CARNET_CLOCK_OFFSET_FILE="offset")
    with pytest.raises(SettingsError, match="CARNET_CLOCK_OFFSET_FILE"):
        load(PlatformSettings)
