"""A code that another service made goes to each verified address of a person, once, and to nobody else."""

import uuid
from datetime import timedelta

from carnet_identity.correspondence import _read_templates
from carnet_identity.domain.notice_letter import NoticeOutcome
from carnet_identity.usecases.deliver_code import CodeFor, DeliverCode
from carnet_platform.idempotency import Asked
from component.identity.desk import DOMINIQUE, Desk, reason_of
from support.hand_clock import BEGIN
from support.mail_server import MailServer

HERS, SECOND = "dominique@example.org", "second@example.org"
CODE = CodeFor(f"patients/{DOMINIQUE}", "042042", BEGIN + timedelta(minutes=10))


def sending(desk: Desk) -> DeliverCode:
    """The use case."""
    return DeliverCode(
        client=desk.client,
        patients=desk.patients,
        channels=desk.channels,
        letters=desk.outbox,
        templates=_read_templates(""),
        requests=desk.requests,
        clock=desk.clock,
        wake=desk._wake,
    )


def asking() -> Asked:
    """A request of consent's."""
    return Asked("DeliverCode", "spiffe://carnet/consent", str(uuid.uuid4()), b"one")


async def test_each_verified_address_gets_the_code_once_and_an_unverified_one_never(desk: Desk, mail_server: MailServer) -> None:
    for address in (HERS, SECOND):
        await desk.verified(mail_server, address)
    await desk.add("never-verified@example.org")
    await desk.deliver()
    mail_server.letters.clear()
    once = asking()
    assert [await sending(desk)(once, CODE) for _ in range(2)] == [NoticeOutcome.QUEUED] * 2
    await desk.deliver()
    assert sorted(letter["To"] for letter in mail_server.letters) == [HERS, SECOND]
    text = mail_server.letters[0].get_content()
    assert ("042042" in text, "10 minutes" in text, text.count("log in, and report it")) == (True, True, 1)


async def test_nobody_to_send_it_to_is_said_and_what_is_no_code_is_refused(desk: Desk, mail_server: MailServer) -> None:
    send = sending(desk)
    assert await send(asking(), CODE) is NoticeOutcome.NO_CHANNEL
    assert await reason_of(send(asking(), CodeFor(CODE.patient, "42", CODE.expire_time))) == "INVALID_FIELD"
    assert await reason_of(send(asking(), CodeFor(CODE.patient, CODE.code, BEGIN + timedelta(days=1)))) == "INVALID_FIELD"
    assert await reason_of(send(asking(), CodeFor(f"patients/{'c' * 26}", CODE.code, CODE.expire_time))) == "NOT_FOUND"
    await desk.verified(mail_server, HERS)
    await desk.bury()
    assert await send(asking(), CODE) is NoticeOutcome.PERSON_DECEASED
