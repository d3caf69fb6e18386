"""Notices become letters: one for each verified address, once, to nobody after a death; on a real store and a real mail server."""

import uuid
from datetime import timedelta

import pytest
from carnet_identity.correspondence import _read_templates
from carnet_identity.domain.notice_letter import Notice, NoticeLetter, NoticeOutcome
from carnet_identity.storage.due_life_news import DueLifeNews
from carnet_identity.usecases.deliver_notice import DeliverNotice
from carnet_identity.usecases.notice_letters import NoticeLetters, Pushes
from carnet_platform.errors import NotFound
from carnet_platform.idempotency import Asked
from component.identity.desk import DOMINIQUE, OTHER, Desk, acting, reason_of
from support.drivers import AT_LENGTH_ON_BOTH
from support.hand_clock import BEGIN
from support.mail_server import MailServer, gone

pytestmark = pytest.mark.parametrize("database", AT_LENGTH_ON_BOTH, indirect=True)
HERS, SECOND, FAMILY = "dominique@example.org", "second@example.org", "family@example.org"
PLACE = "structures/hospital"
PORTAL = "https://portal.example/"


class Represented:
    """Stands for mandates: who represents Dominique, and where they are not told."""

    def __init__(self, *representatives: str) -> None:
        self.representatives = representatives
        self.asked: list[tuple[str, str]] = []

    async def of(self, patient: str, place_of_care: str) -> tuple[str, ...]:
        self.asked.append((patient, place_of_care))
        return self.representatives


def delivering(desk: Desk, represented: Represented | None = None) -> DeliverNotice:
    """The use case."""
    return DeliverNotice(
        client=desk.client,
        patients=desk.patients,
        representing=represented or Represented(),
        letters=NoticeLetters(
            desk.channels, desk.outbox, _read_templates(""), Pushes(desk.pushes, PORTAL), DueLifeNews(desk.database["due_mandate_news"])
        ),
        requests=desk.requests,
        clock=desk.clock,
        wake=desk._wake,
    )


def asking(request_id: str = "", content: bytes = b"one") -> Asked:
    """A request of consent's."""
    return Asked("DeliverNotice", "spiffe://carnet/consent", request_id or str(uuid.uuid4()), content)


def notice(letter: NoticeLetter = NoticeLetter.EXCEPTIONAL_ACCESS, patient: str = DOMINIQUE, *, for_others: bool = False) -> Notice:
    """A notice about Dominique."""
    name = f"patients/{patient}"
    return Notice(patient=name, letter=letter, event_time=BEGIN, tells_representatives=for_others, place_of_care=PLACE)


async def test_each_verified_address_gets_one_letter_and_a_retry_sends_none_twice(desk: Desk, mail_server: MailServer) -> None:
    for address in (HERS, SECOND):
        await desk.verified(mail_server, address)
    await desk.add("never-verified@example.org")
    mail_server.letters.clear()
    once, deliver = asking(), delivering(desk)
    assert [await deliver(once, notice()) for _ in range(2)] == [NoticeOutcome.QUEUED] * 2
    await desk.deliver()
    assert await deliver(once, notice()) is NoticeOutcome.QUEUED, "also when the letters have gone"
    await desk.deliver()
    told = [letter["To"] for letter in mail_server.letters if "exceptionnel" in letter["Subject"]]
    assert sorted(told) == [HERS, SECOND]
    assert await reason_of(deliver(asking(once.request_id, b"another"), notice())) == "REQUEST_ID_REUSED"


async def test_the_letter_tells_the_minute_in_paris_and_nothing_of_whom_or_where(desk: Desk, mail_server: MailServer) -> None:
    await desk.verified(mail_server, HERS)
    for kind in NoticeLetter:
        await delivering(desk)(asking(), notice(kind))
    await desk.deliver()
    letters = mail_server.sent_to(HERS)[1:]
    assert len(letters) == len(NoticeLetter)
    for letter in letters:
        text = letter.get_content()
        assert f"{BEGIN + timedelta(hours=1):%d/%m/%Y à %H:%M}" in text
        assert not any(word in str(letter) for word in ("hospital", DOMINIQUE, "PAT-TROIS", "27903512151898"))
        assert text.count("Connectez-vous") == text.count("Log in") == 1, "each says what can be done now"


async def test_who_has_no_address_gets_none_and_who_was_never_registered_is_not_found(desk: Desk, mail_server: MailServer) -> None:
    assert await delivering(desk)(asking(), notice()) is NoticeOutcome.NO_CHANNEL
    with pytest.raises(NotFound):
        await delivering(desk)(asking(), notice(patient="c" * 26))
    await desk.deliver()
    assert mail_server.letters == []


async def test_after_a_death_nobody_is_told(desk: Desk, mail_server: MailServer) -> None:
    """rules.md 17: mail ends, to representatives too; what was queued before is not sent."""
    await desk.verified(mail_server, HERS)
    with acting(OTHER):
        await desk.verified(mail_server, FAMILY, OTHER)
    mail_server.letters.clear()
    deliver = delivering(desk, Represented(f"patients/{OTHER}"))
    assert await deliver(asking(), notice()) is NoticeOutcome.QUEUED
    await desk.bury()
    assert await deliver(asking(), notice(for_others=True)) is NoticeOutcome.PERSON_DECEASED
    await desk.deliver()
    assert mail_server.letters == []


async def test_those_who_represent_her_are_told_when_asked_for_and_a_shared_address_once(desk: Desk, mail_server: MailServer) -> None:
    """rules.md 12."""
    await desk.verified(mail_server, HERS)
    with acting(OTHER):
        for address in (HERS, FAMILY):
            await desk.verified(mail_server, address, OTHER)
    mail_server.letters.clear()
    represented = Represented(f"patients/{OTHER}")
    await delivering(desk, represented)(asking(), notice())
    await desk.deliver()
    assert ([letter["To"] for letter in mail_server.letters], represented.asked) == ([HERS], [])
    mail_server.letters.clear()
    await delivering(desk, represented)(asking(), notice(for_others=True))
    await desk.deliver()
    assert sorted(letter["To"] for letter in mail_server.letters) == sorted([HERS, FAMILY])
    assert represented.asked == [(f"patients/{DOMINIQUE}", PLACE)]


async def test_a_mail_server_that_is_gone_delays_the_letter_and_refuses_nothing(desk: Desk, mail_server: MailServer) -> None:
    await desk.verified(mail_server, HERS)
    mail_server.letters.clear()
    with gone(mail_server):
        assert await delivering(desk)(asking(), notice()) is NoticeOutcome.QUEUED
    await desk.deliver()
    assert len(mail_server.letters) == 1


async def test_what_has_not_happened_yet_is_told_to_nobody(desk: Desk) -> None:
    desk.clock.seconds -= 3600
    assert await reason_of(delivering(desk)(asking(), notice())) == "INVALID_FIELD"
