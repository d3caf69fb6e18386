"""The sender of letters against a real mail server, and against ones that are gone, hang, or lie: S3 for mail."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from carnet_dev.certificates import Authority
from carnet_identity.clients.mail import MailServer as Sender
from carnet_identity.clients.mail import MailServerRules, composed
from carnet_identity.domain.letter import Delivery, Letter
from carnet_platform.clock import SystemClock
from carnet_platform.errors import Unavailable
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from support.hand_clock import BEGIN
from support.mail_server import PASSWORD, SERVER, USER, MailServer, SayingServer, Security, changed, gone

TO = "dominique@example.org"
FROM = "no-reply@carnet.example"
LETTER = Letter(id="l" * 26, to=TO, subject="Votre code / Your code", text="Votre code est : 012345\n\nà bientôt\n.\n")
PATIENCE = timedelta(seconds=1)


@pytest.fixture(scope="module")
def server(certificates: Authority) -> Iterator[MailServer]:
    with MailServer(certificates.folder(SERVER)) as running:
        yield running


def rules(port: int, certificates: Authority, **changes: Any) -> MailServerRules:  # noqa: ANN401 - fields of the rules
    good = MailServerRules(
        host="localhost",
        port=port,
        context=ssl.create_default_context(cafile=certificates.certificate_file),
        is_tls_implicit=False,
        sender=FROM,
        patience=PATIENCE,
        connections=2,
    )
    return replace(good, **changes)


@asynccontextmanager
async def sending(given: MailServerRules) -> AsyncIterator[Sender]:
    sender = Sender(given, SystemClock())
    try:
        yield sender
    finally:
        await sender.close()
        # A transport that was ended is gone a few turns of the loop later.
        await asyncio.to_thread(lambda: None)


async def is_refused(given: MailServerRules) -> bool:
    """Whether the server counts as down, both when asked and when a letter is sent; each within the patience."""
    async with sending(given) as sender:
        began = time.monotonic()
        delivery = await sender.send(LETTER)
        with pytest.raises(Unavailable) as raised:
            await sender.check()
        assert time.monotonic() - began < 2 * PATIENCE.total_seconds() + 1
    assert (raised.value.reason, TO in str(raised.value)) == ("DEPENDENCY_UNAVAILABLE", False)
    return delivery is Delivery.LATER


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
async def test_a_letter_arrives_as_it_was_written(security: Security, certificates: Authority) -> None:
    with MailServer(certificates.folder(SERVER), security) as server:
        given = rules(server.port, certificates, is_tls_implicit=security == "tls")
        async with sending(given if security != "none" else replace(given, context=None)) as sender:
            await sender.check()
            assert await sender.send(LETTER) is Delivery.ACCEPTED
        assert server.envelopes == [(FROM, [TO])]
        letter = server.letters[0]
        assert letter.get_content().replace("\r\n", "\n") == LETTER.text
        headers = {"From": FROM, "To": TO, "Subject": LETTER.subject, "Message-ID": f"<{LETTER.id}@carnet.example>"}
        assert {name: letter[name] for name in headers} == headers
        assert letter["Auto-Submitted"] == "auto-generated"
        assert "Received" not in letter


async def test_it_logs_in_with_its_credentials_and_counts_as_down_with_wrong_ones(certificates: Authority) -> None:
    with MailServer(certificates.folder(SERVER), needs_login=True) as server:
        given = rules(server.port, certificates, user=USER, password=PASSWORD)
        async with sending(given) as sender:
            assert await sender.send(LETTER) is Delivery.ACCEPTED
        assert await is_refused(replace(given, password=PASSWORD[::-1]))
        assert len(server.letters) == 1
        assert PASSWORD not in repr(given)


async def test_many_letters_go_over_few_connections(server: MailServer, certificates: Authority) -> None:
    before = server.connections
    async with sending(rules(server.port, certificates, patience=timedelta(seconds=10))) as sender:
        deliveries = await asyncio.gather(*(sender.send(replace(LETTER, id=f"{number:026}")) for number in range(60)))
    assert set(deliveries) == {Delivery.ACCEPTED}
    assert server.connections - before <= 2


async def test_a_kept_connection_that_the_server_ended_is_replaced(server: MailServer, certificates: Authority) -> None:
    async with sending(rules(server.port, certificates)) as sender:
        for _ in range(5):
            assert await sender.send(LETTER) is Delivery.ACCEPTED
            server.hang_up()


@pytest.mark.parametrize(
    ("command", "reply", "delivery"),
    [
        ("RCPT", "450 4.2.1 try again", Delivery.LATER),
        ("RCPT", "451 4.7.1 greylisted", Delivery.LATER),
        ("RCPT", "550 5.1.1 no such user", Delivery.NO_SUCH_ADDRESS),
        ("RCPT", "550 no such user", Delivery.NO_SUCH_ADDRESS),
        ("RCPT", "552 5.2.2 mailbox full", Delivery.NO_SUCH_ADDRESS),
        ("RCPT", "550 5.7.1 relaying denied", Delivery.LATER),
        ("RCPT", "554 no", Delivery.LATER),
        ("RCPT", "550 5.1.8 your address is bad", Delivery.LATER),
        ("DATA", "452 4.3.1 full", Delivery.LATER),
        ("DATA", "550 5.1.1 no such user after all", Delivery.NO_SUCH_ADDRESS),
        ("DATA", "554 5.7.1 this is spam", Delivery.LATER),
        ("MAIL", "553 5.1.8 sender refused", Delivery.LATER),
        ("MAIL", "421 going down", Delivery.LATER),
    ],
)
async def test_only_an_address_that_is_refused_for_good_is_undeliverable(
    command: str, reply: str, delivery: Delivery, server: MailServer, certificates: Authority
) -> None:
    async with sending(rules(server.port, certificates)) as sender:
        with changed(server.replies, lambda replies: replies.update({command: reply})), capture_logs() as logs:
            assert await sender.send(LETTER) is delivery
        assert await sender.send(LETTER) is Delivery.ACCEPTED, "the next is not harmed by it"
    assert TO not in str(logs)
    assert reply[4:] not in str(logs), "what a server says in words may quote the address"


async def test_a_server_that_is_gone_is_down_and_is_used_again_when_it_is_back(server: MailServer, certificates: Authority) -> None:
    async with sending(rules(server.port, certificates)) as sender:
        await sender.check()
        with gone(server):
            assert await sender.send(LETTER) is Delivery.LATER
            with pytest.raises(Unavailable):
                await sender.check()
        assert await sender.send(LETTER) is Delivery.ACCEPTED
        await sender.check()
    with gone(server):
        assert await is_refused(rules(server.port, certificates))


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
async def test_a_server_that_hangs_in_a_letter_costs_the_patience_and_no_more(
    command: str, server: MailServer, certificates: Authority
) -> None:
    async with sending(rules(server.port, certificates)) as sender:
        began = time.monotonic()
        with changed(server.hangs_at, lambda hangs: hangs.add(command)):
            assert await sender.send(LETTER) is Delivery.LATER
        assert PATIENCE.total_seconds() * 0.9 < time.monotonic() - began < PATIENCE.total_seconds() + 1
        assert await sender.send(LETTER) is Delivery.ACCEPTED


async def test_a_server_that_hangs_is_found_out_by_the_check_on_a_kept_connection(server: MailServer, certificates: Authority) -> None:
    async with sending(rules(server.port, certificates)) as sender:
        await sender.send(LETTER)
        sender._proved = float("-inf")  # as after a second
        with changed(server.hangs_at, lambda hangs: hangs.add("NOOP")), pytest.raises(Unavailable):
            await sender.check()


@pytest.mark.parametrize(
    ("greeting", "answer"),
    [
        (b"", b""),
        (b"220 hello\r\n", b""),
        (b"not a mail server\r\n", b"what?\r\n"),
        (b"\xff\xfe\x00" * 50, b"\x00"),
        (b"999 \r\n", b"250 OK\r\n"),
        (b"220 hello\r\n", b"250 STARTTLS\r\n"),
        (b"220 hello\r\n", b"250-localhost\r\n250 STARTTLS\r\n220 go ahead\r\n"),
        (b"220 hello\r\n", b"250-endless\r\n"),
        (b"220 " + b"x" * 100_000, b""),
        (b"554 go away\r\n", b"250 OK\r\n"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    ],
    ids=range(11),
)
@pytest.mark.parametrize("is_tls_implicit", [False, True])
async def test_a_server_that_talks_nonsense_is_down(
    greeting: bytes, answer: bytes, *, is_tls_implicit: bool, certificates: Authority
) -> None:
    with SayingServer(greeting, answer) as liar:
        assert await is_refused(rules(liar.port, certificates, is_tls_implicit=is_tls_implicit))


async def test_a_server_that_does_not_speak_tls_hears_no_address(certificates: Authority) -> None:
    with MailServer(certificates.folder(SERVER), "none") as server:
        assert await is_refused(rules(server.port, certificates, user=USER, password=PASSWORD))
        assert server.envelopes == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("fault", ["another authority", "another name", "expired"])
async def test_a_server_with_a_wrong_certificate_is_down(
    fault: str, security: Security, certificates: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("wrong")
    if fault == "another authority":
        Authority(folder / "authority").issue(folder / "own", SERVER)
    elif fault == "another name":
        certificates.issue(folder / "own", SERVER, dns=["mail.example.org"])
    else:
        certificates.issue(folder / "own", SERVER, lifetime=timedelta(minutes=1))
    with MailServer(folder / "own", security) as server:
        assert await is_refused(rules(server.port, certificates, is_tls_implicit=security == "tls"))
        assert server.envelopes == []


async def test_a_server_that_takes_the_letter_and_dies_leaves_it_for_later(server: MailServer, certificates: Authority) -> None:
    """Whether it was taken cannot be known here: better twice, with the same Message-ID, than never."""
    before = len(server.letters)
    async with sending(rules(server.port, certificates)) as sender:
        with changed(server.dies_at, lambda dies: dies.add("DATA")):
            assert await sender.send(LETTER) is Delivery.LATER
        assert await sender.send(LETTER) is Delivery.ACCEPTED
    assert {letter["Message-ID"] for letter in server.letters[before:]} == {f"<{LETTER.id}@carnet.example>"}
    assert len(server.letters) == before + 2


@given(st.text(), st.sampled_from(["to", "subject", "id"]))
def test_no_header_holds_a_line_break(text: str, where: str) -> None:
    letter = replace(LETTER, **{where: text})
    try:
        message = composed(letter, FROM, BEGIN)
    except ValueError:
        return
    head = message.partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0] for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    ours = [b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Auto-Submitted", b"Content-Language"]
    assert sorted(names) == sorted([*ours, b"MIME-Version", b"Content-Type", b"Content-Transfer-Encoding"])


@pytest.mark.parametrize("value", ["x\r\nBcc: y@example.org", "x\ny", "x\ry", "x\0y", "x\u2028y", "x\x85y"])
def test_a_line_break_in_a_header_is_refused_and_not_quoted(value: str) -> None:
    for letter, sender in (
        (replace(LETTER, subject=value), FROM),
        (replace(LETTER, to=f"{TO}{value}"), FROM),
        (replace(LETTER, id=value), FROM),
        (LETTER, f"{FROM}{value}"),
    ):
        with pytest.raises(ValueError, match=r".") as raised:
            composed(letter, sender, BEGIN)
        assert value not in str(raised.value)


async def test_an_address_of_any_taken_form_reaches_the_server_as_it_is(server: MailServer, certificates: Authority) -> None:
    async with sending(rules(server.port, certificates)) as sender:
        for address in ("o'brien+x=y@example.org", "!#$%&'*/?^_`{|}~-@example.org", "a.b.c@xn--exmple-cua.example"):
            assert await sender.send(replace(LETTER, to=address)) is Delivery.ACCEPTED
            assert server.envelopes[-1] == (FROM, [address])
            assert server.letters[-1]["To"] == address
