"""A certificate that is not this service's, not of its time or not of its authority is refused with the file and what mends it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from carnet_dev.certificates import Authority
from carnet_platform import certificates as module
from carnet_platform.certificates import CertificateEnd, CertificateError, CertificateFolder
from carnet_platform.clock import SystemClock
from cryptography.hazmat.primitives import serialization

DAY = timedelta(days=1)
MONTH = 30 * DAY


class ClockOfATest(SystemClock):
    """Ahead of the machine's by what a test says."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


@pytest.fixture
def folder(tmp_path: Path, certificates: Authority) -> Path:
    certificates.issue(tmp_path / "own", "documents")
    return tmp_path / "own"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is logged meanwhile, whatever a service that ran in this process before set logging to."""
    capture = structlog.testing.LogCapture()
    every = structlog.make_filtering_bound_logger(0)  # whatever level a process of this session's tests has set
    logger = structlog.wrap_logger(None, processors=[capture], wrapper_class=every, cache_logger_on_first_use=False)
    monkeypatch.setattr(module, "logger", logger)
    return capture.entries


def fault(folder: Path, service: str = "documents") -> str:
    with pytest.raises(CertificateError) as caught:
        CertificateFolder(folder, service=service)
    return str(caught.value)


def issued(certificates: Authority, folder: Path, begins: timedelta, lasts: timedelta, name: str = "documents") -> None:
    certificates.issue(folder, name, not_before=datetime.now(UTC) + begins, lifetime=lasts)


def test_a_good_folder_is_taken(folder: Path) -> None:
    own = CertificateFolder(folder, service="documents")
    assert own.name == "spiffe://carnet/documents"
    assert own.identity.ends_first == "cert.pem"
    assert own.identity.ends > datetime.now(UTC) + MONTH - DAY


@pytest.mark.parametrize("file", ["key.pem", "cert.pem", "ca.pem"])
def test_a_missing_empty_or_broken_file_is_named_with_what_must_be_in_it(folder: Path, file: str) -> None:
    (folder / file).write_text("junk")
    assert f"{folder / file} " in fault(folder)
    (folder / file).write_text("\n")
    assert f"{folder / file} is empty; it must hold" in fault(folder)
    (folder / file).unlink()
    assert f"{folder / file}: No such file or directory; it must hold" in fault(folder)
    assert "PEM" in fault(folder)
    assert "mode 06" in fault(folder)


def test_an_encrypted_key_is_refused(folder: Path) -> None:
    key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"x")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    (folder / "key.pem").write_bytes(pem)
    assert "not encrypted" in fault(folder)


def test_an_expired_certificate_says_when_it_expired(folder: Path, certificates: Authority) -> None:
    issued(certificates, folder, -2 * DAY, DAY)
    assert f"cert.pem expired on {datetime.now(UTC) - DAY:%Y-%m-%d}" in fault(folder)
    assert "put a renewed one" in fault(folder)


def test_a_certificate_that_is_not_valid_yet_says_when_it_will_be(folder: Path, certificates: Authority) -> None:
    issued(certificates, folder, DAY, MONTH)
    assert f"cert.pem is not valid before {datetime.now(UTC) + DAY:%Y-%m-%d}" in fault(folder)
    assert "clock" in fault(folder)


@pytest.mark.parametrize(("begins", "lasts"), [(timedelta(seconds=40), DAY), (-DAY, DAY - timedelta(seconds=20))])
def test_clocks_may_differ_by_a_minute(folder: Path, certificates: Authority, begins: timedelta, lasts: timedelta) -> None:
    issued(certificates, folder, begins, lasts)
    assert CertificateFolder(folder, service="documents").name


@pytest.mark.parametrize(
    ("uris", "carried"),
    [
        (["spiffe://carnet/audit"], "spiffe://carnet/audit"),
        ([], "no URI name"),
        (["spiffe://carnet/documents", "spiffe://carnet/audit"], "spiffe://carnet/documents and spiffe://carnet/audit"),
        (["spiffe://other/documents"], "a URI that is not ours"),
    ],
)
def test_a_misnamed_certificate_says_what_it_carries_and_what_it_must(
    folder: Path, certificates: Authority, uris: list[str], carried: str
) -> None:
    certificates.issue(folder, "documents", uris=uris)
    assert f"cert.pem carries {carried}; " in fault(folder)
    assert "exactly one URI name, spiffe://carnet/documents," in fault(folder)


def test_a_name_that_somebody_else_put_there_is_not_told(folder: Path, certificates: Authority) -> None:
    certificates.issue(folder, "documents", uris=["mailto:clara.essai@example.org"], dns=["clara.essai.example.org"])
    assert "clara" not in fault(folder)


def test_a_certificate_of_any_name_is_taken_where_no_service_is_named(folder: Path, certificates: Authority) -> None:
    certificates.issue(folder, "audit")
    assert CertificateFolder(folder).name == "spiffe://carnet/audit"


def test_a_key_of_another_certificate_is_refused(folder: Path, certificates: Authority) -> None:
    (folder / "key.pem").write_bytes((certificates.folder("audit") / "key.pem").read_bytes())
    assert f"{folder}/key.pem does not belong to cert.pem; " in fault(folder)


def test_an_authority_that_did_not_issue_the_certificate_is_refused(folder: Path, tmp_path: Path) -> None:
    """Also when it has the same name, as two development authorities do."""
    other = Authority(tmp_path / "other").certificate_file.read_bytes()
    right = (folder / "ca.pem").read_bytes()
    (folder / "ca.pem").write_bytes(other)
    assert f"{folder}/ca.pem does not verify cert.pem; " in fault(folder)
    (folder / "ca.pem").write_bytes(other + right)  # while an authority is replaced, both are trusted
    assert CertificateFolder(folder, service="documents").name


def test_what_is_no_authority_vouches_for_nobody(folder: Path) -> None:
    (folder / "ca.pem").write_bytes((folder / "cert.pem").read_bytes())
    assert "ca.pem does not verify cert.pem" in fault(folder)


def test_a_renewed_certificate_that_is_not_fit_is_not_taken_up_and_told_once(
    folder: Path, certificates: Authority, told: list[Any]
) -> None:
    own = CertificateFolder(folder, service="documents")
    good = own.identity
    unfit: dict[str, Callable[[], None]] = {
        "expired on": lambda: issued(certificates, folder, -2 * DAY, DAY),
        "carries spiffe://carnet/audit": lambda: issued(certificates, folder, -DAY, MONTH, "audit"),
        "No such file": (folder / "ca.pem").unlink,
    }
    for change in unfit.values():
        change()
        assert [own.renewed() for _ in range(3)] == [False] * 3
        assert own.identity is good
    kept = [line["fault"] for line in told if line["event"] == "certificate.kept_old"]
    assert [words in text for words, text in zip(unfit, kept, strict=True)] == [True] * len(unfit)
    certificates.issue(folder, "documents")
    assert own.renewed()
    assert own.identity != good


def test_a_certificate_that_begins_later_is_taken_up_when_it_begins(folder: Path, certificates: Authority) -> None:
    clock = ClockOfATest()
    own = CertificateFolder(folder, service="documents", clock=clock)
    issued(certificates, folder, DAY, MONTH)
    assert not own.renewed()
    clock.ahead = DAY
    assert own.renewed()


def test_its_end_is_told_once_a_day_first_as_a_warning_then_as_an_error(folder: Path, told: list[Any]) -> None:
    clock = ClockOfATest()
    own = CertificateFolder(folder, service="documents", clock=clock)
    end = CertificateEnd(own, 9 * DAY, 7 * DAY)
    clock.ahead = 20 * DAY
    while clock.ahead < 32 * DAY:
        end.look()
        clock.ahead += DAY / 8
    lines = [(line["log_level"], line["days_left"]) for line in told if line["event"] == "certificate.ends_soon"]
    # It was issued five minutes before now: at 21 days, 8 whole ones are left.
    assert lines == [("warning", 8), ("warning", 7)] + [("error", left) for left in range(6, -3, -1)]
    assert {line["file"] for line in told} == {"cert.pem"}


def test_nothing_is_told_of_a_certificate_that_lasts_and_no_more_of_one_that_was_renewed(
    folder: Path, certificates: Authority, told: list[Any]
) -> None:
    own = CertificateFolder(folder, service="documents")
    end = CertificateEnd(own, 9 * DAY, 7 * DAY)
    end.look()
    issued(certificates, folder, -DAY, 4 * DAY)
    own.renewed()
    end.look()
    issued(certificates, folder, -DAY, MONTH)
    own.renewed()
    end.look()
    assert [line["event"] for line in told] == ["certificate.renewed", "certificate.ends_soon", "certificate.renewed"]
