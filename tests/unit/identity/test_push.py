"""Push: what a gateway is told, how that is signed, and what settings are refused."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from carnet_dev.certificates import Authority
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.contact_channel import MOST_CHANNELS, ChannelKind, ContactChannel, ContactChannels, TooManyChannelsError
from carnet_identity.domain.notice_letter import NoticeLetter
from carnet_identity.domain.push import parse_subscription, push, shown, signature
from carnet_identity.push_settings import PushSettings
from carnet_identity.pushing import Pushing, client
from carnet_platform.settings import SettingsError, load
from support.hand_clock import BEGIN

SUBSCRIPTION = "subscription-of-a-telephone"
SECRET = f"whsec_{base64.b64encode(b's' * 32).decode()}"


def test_the_signature_is_that_of_the_specification() -> None:
    """The vector that the libraries of Standard Webhooks are tested with."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    given = signature([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert given == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    both = signature([b"n" * 32, secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert both.split(" ")[1] == given, "while one secret takes the place of another"


@pytest.mark.parametrize("letter", NoticeLetter)
def test_a_device_is_told_that_there_is_something_to_read_and_nothing_else(letter: NoticeLetter) -> None:
    """S9."""
    told = push(letter.value, letter_id="l" * 26, to=SUBSCRIPTION, portal="https://portal.example/", time=BEGIN.replace(second=59))
    assert (told.id, told.to) == ("l" * 26, SUBSCRIPTION)
    assert json.loads(told.text) == {
        "type": f"notice.{letter.name.lower()}",
        "timestamp": "2026-03-01T00:00:00Z",
        "data": {"notice": "l" * 26, "subscription": SUBSCRIPTION, "url": "https://portal.example/"},
    }


@pytest.mark.parametrize(
    "text", ["", "short", "a" * 129, "has a space in it....", "https://push.example/subscription", "line\nbreak-line-break", "é" * 20]
)
def test_what_is_no_subscription_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(BrokenRule) as refused:
        parse_subscription(text)
    assert refused.value.field == "address"
    assert not text or text not in str(refused.value)


def test_of_a_subscription_its_end_alone_is_shown() -> None:
    assert shown(parse_subscription(SUBSCRIPTION)) == "…hone"


def device(number: int, *, is_undeliverable: bool = False) -> ContactChannel:
    return ContactChannel(
        id=f"c{number}", kind=ChannelKind.PUSH, address=f"{SUBSCRIPTION}{number}", verify_time=BEGIN, is_undeliverable=is_undeliverable
    )


def test_a_new_device_takes_the_place_of_those_whose_subscription_ended_and_of_no_other() -> None:
    held = ContactChannels(patient_id="p", channels=tuple(device(number) for number in range(MOST_CHANNELS)))
    with pytest.raises(TooManyChannelsError):
        held.with_device(device(9))
    ended = held.with_device(device(0, is_undeliverable=True))
    assert [one.id for one in ended.with_device(device(9)).channels] == ["c1", "c2", "c3", "c4", "c9"]
    assert ended.with_device(device(0)).to_be_told({ChannelKind.PUSH}) == held.channels, "added again it counts again"
    assert held.to_be_told() == (), "a letter goes to addresses alone"


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:  # noqa: ANN401 - a function
    """The settings of these variables beside what every service needs."""
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    good = {"push_gateway": "https://push.example/hook", "push_secret_file": str(tmp_path / "secret"), "portal_url": "https://p.example"}

    def load_with(**changes: str) -> PushSettings:
        needed = {"listen": "127.0.0.1:1", "health_listen": "127.0.0.1:2", "certificate_folder": str(tmp_path), "mongo_url_file": "x"}
        for name, value in {**needed, **good, **changes}.items():
            monkeypatch.setenv(f"CARNET_{name.upper()}", value)
        return load(PushSettings)

    return load_with


async def test_a_gateway_is_verified_by_name_and_no_redirect_is_followed(loaded: Any, certificates: Authority) -> None:  # noqa: ANN401
    read = Pushing.read(loaded(push_ca_file=str(certificates.certificate_file)))
    assert read.rules is not None
    assert (read.rules.url, read.rules.secrets) == ("https://push.example/hook", (b"s" * 32,))
    assert read.trusted is not None
    assert read.trusted.check_hostname
    assert "ssss" not in repr(read)
    async with client(read.rules, read.trusted, 2) as http:
        assert not http.follow_redirects
        assert not http.trust_env


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"push_gateway": "http://push.example/hook"}, "CARNET_PUSH_GATEWAY: outside development"),
        ({"push_gateway": "http://push.example/hook", "environment": "test"}, "CARNET_PUSH_GATEWAY: outside development"),
        ({"push_gateway": "https://user:secret@push.example/hook"}, "CARNET_PUSH_GATEWAY"),
        ({"push_gateway": "push.example"}, "CARNET_PUSH_GATEWAY"),
        ({"portal_url": ""}, "CARNET_PORTAL_URL: missing"),
        ({"portal_url": "http://portal.example"}, "CARNET_PORTAL_URL"),
        ({"push_patience": "PT0S"}, "CARNET_PUSH_PATIENCE"),
    ],
)
def test_a_setting_that_would_be_unsafe_stops_the_start(loaded: Any, changes: dict[str, str], rule: str) -> None:  # noqa: ANN401
    with pytest.raises(SettingsError, match=rule) as raised:
        loaded(**changes)
    assert "secret@" not in str(raised.value)


def test_plain_http_is_for_development(loaded: Any) -> None:  # noqa: ANN401
    read = Pushing.read(loaded(push_gateway="http://127.0.0.1:7112/hook", environment="development"))
    assert (read.rules is not None, read.trusted) == (True, None)


@pytest.mark.parametrize(
    ("setting", "content", "rule"),
    [
        ("push_secret_file", None, "No such file"),
        ("push_secret_file", "", "one or two lines"),
        ("push_secret_file", "plainly-no-secret", "one or two lines"),
        ("push_secret_file", f"whsec_{base64.b64encode(b's' * 23).decode()}", "24 to 64 bytes"),
        ("push_secret_file", "whsec_***", "one or two lines"),
        ("push_secret_file", f"{SECRET}\n{SECRET}\n{SECRET}\n", "one or two lines"),
        ("push_ca_file", None, "No such file"),
        ("push_ca_file", "no certificate", "holds no certificate"),
    ],
)
def test_a_file_that_cannot_be_used_stops_the_start_and_is_not_quoted(
    loaded: Any,  # noqa: ANN401
    setting: str,
    content: str | None,
    rule: str,
    tmp_path: Path,
) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError, match=rule) as raised:
        Pushing.read(loaded(**{setting: str(file)}))
    assert f"CARNET_{setting.upper()}" in str(raised.value)
    assert "whsec_c3" not in str(raised.value)
