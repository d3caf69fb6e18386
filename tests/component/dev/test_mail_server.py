"""The development mail server as a process: it takes letters over TLS alone and writes each to a file."""

import smtplib
import ssl
import sys
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path

import pytest
from carnet_dev.certificates import Authority
from carnet_dev.child import Child
from carnet_dev.plan import MAIL_SERVER
from carnet_dev.ports import LOOPBACK, free_port, wait_until_open


@pytest.fixture
def port(certificates: Authority, tmp_path: Path) -> Iterator[int]:
    chosen = free_port()
    words = ["--port", str(chosen), "--certificate", str(certificates.folder(MAIL_SERVER)), "--folder", str(tmp_path / "mail")]
    child = Child([sys.executable, "-m", "carnet_dev.mail_server", *words], tmp_path / "log")
    try:
        wait_until_open(chosen, lambda: child.is_running, timedelta(seconds=30))
        yield chosen
    finally:
        assert child.terminate() == 0, (tmp_path / "log").read_text()


def test_each_letter_is_a_file_with_its_envelope(port: int, certificates: Authority, tmp_path: Path) -> None:
    with smtplib.SMTP(LOOPBACK, port, timeout=10) as client:
        client.starttls(context=ssl.create_default_context(cafile=str(certificates.certificate_file)))
        for number in range(2):
            client.sendmail(
                "from@carnet.example", ["to@example.org"], f"To: to@example.org\r\nSubject: {number}\r\n\r\nÀ vous\r\n".encode()
            )
    files = sorted((tmp_path / "mail").iterdir())
    letters = [message_from_bytes(file.read_bytes()) for file in files]
    assert [(letter["Delivered-To"], letter["Return-Path"], letter["Subject"]) for letter in letters] == [
        ("to@example.org", "<from@carnet.example>", "0"),
        ("to@example.org", "<from@carnet.example>", "1"),
    ]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert "example.org" not in (tmp_path / "log").read_text()


def test_without_tls_it_takes_nothing(port: int, tmp_path: Path) -> None:
    with smtplib.SMTP(LOOPBACK, port, timeout=10) as client, pytest.raises(smtplib.SMTPSenderRefused):
        client.sendmail("from@carnet.example", ["to@example.org"], b"Subject: x\r\n\r\nx\r\n")
    assert list((tmp_path / "mail").iterdir()) == []
