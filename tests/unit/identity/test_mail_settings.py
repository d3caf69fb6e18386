"""What the settings of mail refuse, and that what they name is read before anything is waited for."""

from pathlib import Path
from typing import Any

import pytest
from carnet_dev.certificates import Authority
from carnet_identity.correspondence import Correspondence
from carnet_identity.mail_settings import MailSettings
from carnet_platform.settings import SettingsError, load

NO_PUSH: Any = None
GOOD = {"smtp_server": "mail.example:587", "mail_sender": "no-reply@carnet.example"}


def read(settings: MailSettings) -> Correspondence:
    """What they lead to, without push."""
    return Correspondence.read(settings, NO_PUSH)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:  # noqa: ANN401 - a function
    """The settings of these variables beside what every service needs."""

    def load_with(**changes: str) -> MailSettings:
        needed = {"listen": "127.0.0.1:1", "health_listen": "127.0.0.1:2", "certificate_folder": str(tmp_path), "mongo_url_file": "x"}
        for name, value in {**needed, **changes}.items():
            monkeypatch.setenv(f"CARNET_{name.upper()}", value)
        return load(MailSettings)

    return load_with


def test_without_a_mail_server_everything_else_may_be_left_out(loaded: Any) -> None:  # noqa: ANN401
    correspondence = read(loaded())
    assert correspondence.rules is None


def test_a_good_server_is_verified_by_name(loaded: Any, certificates: Authority, tmp_path: Path) -> None:  # noqa: ANN401
    credentials = tmp_path / "credentials"
    credentials.write_text("user\npass word\n")
    files = {"smtp_ca_file": str(certificates.certificate_file), "smtp_credentials_file": str(credentials)}
    rules = read(loaded(**GOOD, **files)).rules
    assert rules is not None
    assert (rules.host, rules.port, rules.user, rules.password) == ("mail.example", 587, "user", "pass word")
    assert rules.context is not None
    assert rules.context.check_hostname
    assert not rules.is_tls_implicit
    assert "pass word" not in repr(rules)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"smtp_security": "none"}, "CARNET_SMTP_SECURITY: in production"),
        ({"smtp_security": "none", "environment": "test", "smtp_credentials_file": "x"}, "a password does not travel without TLS"),
        ({"mail_sender": ""}, "CARNET_MAIL_SENDER: missing"),
        ({"mail_sender": "x@example.org\nBcc: y"}, "CARNET_MAIL_SENDER"),
        ({"mail_sender": "nobody"}, "CARNET_MAIL_SENDER"),
        ({"smtp_server": "smtp://user:secret@mail.example:587"}, "CARNET_SMTP_SERVER"),
        ({"contact_code_lifetime": "PT1S"}, "CARNET_CONTACT_CODE_LIFETIME"),
    ],
)
def test_a_setting_that_would_be_unsafe_stops_the_start(loaded: Any, changes: dict[str, str], rule: str) -> None:  # noqa: ANN401
    with pytest.raises(SettingsError, match=rule) as raised:
        loaded(**{**GOOD, **changes})
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("setting", "content", "rule"),
    [
        ("smtp_ca_file", None, "No such file"),
        ("smtp_ca_file", b"no certificate", "holds no certificate"),
        ("smtp_credentials_file", None, "No such file"),
        ("smtp_credentials_file", b"secret-user\n", "two lines"),
        ("smtp_credentials_file", b"secret-user\nsecret\nmore\n", "two lines"),
        ("smtp_credentials_file", b"\xff\xfe", "UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_stops_the_start_and_is_not_quoted(
    loaded: Any,  # noqa: ANN401
    setting: str,
    content: bytes | None,
    rule: str,
    tmp_path: Path,
) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=rule) as raised:
        read(loaded(**GOOD, **{setting: str(file)}))
    assert f"CARNET_{setting.upper()}" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_version_of_templates_that_is_not_there_stops_the_start(loaded: Any) -> None:  # noqa: ANN401
    with pytest.raises(SettingsError, match="there are 2026-11-22"):
        read(loaded(mail_templates="1999-01-01"))
