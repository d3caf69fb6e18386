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
    with pytest.raises(SettingsError, match=r"CARNET_MAX_CONCURENT_CALLS: no such setting; did you mean CARNET_MAX_CONCURRENT_CALLS\?"):
        load(PlatformSettings)


def test_every_fault_is_told_at_once_and_no_value_is(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, CARNET_WORKERS="secret0", CARNET_MONGO_DRIVER="secret1")
    monkeypatch.delenv("CARNET_LISTEN")
    with pytest.raises(SettingsError) as caught:
        load(PlatformSettings)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["CARNET_LISTEN", "CARNET_MONGO_DRIVER", "CARNET_WORKERS"]
    assert lines[0] == "CARNET_LISTEN: missing; set it. host:port of the gRPC services, mutual TLS only."
    assert "Processes that share the port" in lines[2]
    assert "secret" not in str(caught.value)


class ListSettings(PlatformSettings):
    """With a setting that is JSON."""

    issuers: frozenset[str] = frozenset()
    """JSON list of issuers."""


@pytest.mark.parametrize(("value", "told"), [("secret", "not JSON"), ("[1]", "Input should be a valid string")])
def test_what_should_be_json_and_is_not_is_named(monkeypatch: pytest.MonkeyPatch, value: str, told: str) -> None:
    given(monkeypatch, CARNET_ISSUERS=value)
    with pytest.raises(SettingsError) as caught:
        load(ListSettings)
    assert str(caught.value) == f"CARNET_ISSUERS: {told}. JSON list of issuers."


@pytest.mark.parametrize("name", ["CARNET_LISTEN", "CARNET_HEALTH_LISTEN"])
def test_an_address_has_a_port(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    given(monkeypatch, **{name: "127.0.0.1"})
    with pytest.raises(SettingsError, match=f"^{name}: .*host:port"):
        load(PlatformSettings)


def test_an_alarm_does_not_come_before_its_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, CARNET_CERTIFICATE_WARNING="P3D")
    with pytest.raises(SettingsError, match=r"^CARNET_CERTIFICATE_ALARM: must not be longer than CARNET_CERTIFICATE_WARNING"):
        load(PlatformSettings)


def test_time_does_not_move_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, CARNET_CLOCK_OFFSET_FILE="offset")
    with pytest.raises(SettingsError, match="CARNET_CLOCK_OFFSET_FILE"):
        load(PlatformSettings)
