"""Letters on their way: each once as far as SMTP allows, none to nobody, on real stores, both drivers and a real mail server."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from carnet_identity.domain.letter import Letter
from carnet_identity.usecases.send_letters import TAKEN_FOR
from carnet_platform.mongo import in_transaction
from component.identity.desk import DOMINIQUE, Desk, reason_of
from structlog.testing import capture_logs
from support.drivers import AT_LENGTH_ON_BOTH
from support.mail_server import MailServer, changed, gone

pytestmark = pytest.mark.parametrize("database", AT_LENGTH_ON_BOTH, indirect=True)
ADDRESS = "dominique@example.org"


async def test_mail_ends_with_death(desk: Desk, mail_server: MailServer) -> None:
    """rules.md 17: death ends mail; what was queued is not sent."""
    await desk.add()
    await desk.bury()
    assert await reason_of(desk.add()) == "PERSON_DECEASED"
    await desk.deliver()
    assert mail_server.letters == []
    assert await desk.database["outbox"].count_documents({}) == 0


async def test_an_address_refused_for_good_is_undeliverable_until_a_code_came_back(desk: Desk, mail_server: MailServer) -> None:
    await desk.verified(mail_server, ADDRESS)
    await desk.add()
    with changed(mail_server.replies, lambda replies: replies.update(RCPT="550 5.1.1 no such user")):
        await desk.deliver()
    assert [channel.is_undeliverable for channel in (await desk.held()).channels] == [True]
    assert await desk.database["outbox"].count_documents({}) == 0
    await desk.verified(mail_server, ADDRESS)
    assert [channel.is_undeliverable for channel in (await desk.held()).channels] == [False]


async def test_a_letter_refused_for_now_is_tried_after_growing_pauses_and_given_up_with_an_alarm(
    desk: Desk, mail_server: MailServer
) -> None:
    await desk.add()
    with changed(mail_server.replies, lambda replies: replies.update(RCPT="451 4.7.1 later")), capture_logs() as logs:
        for pause in (0, 5, 10, 20):
            desk.clock.seconds += max(pause - 1, 0)
            assert await desk.sending.send_one() is (pause == 0)
            desk.clock.seconds += min(pause, 1)
            assert await desk.sending.send_one() is (pause != 0)
    assert await desk.database["outbox"].count_documents({}) == 0
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["mail.not_delivered"]
    assert mail_server.letters == []


async def test_an_outage_costs_a_letter_no_attempt(desk: Desk, mail_server: MailServer) -> None:
    await desk.add()
    with gone(mail_server):
        for _ in range(6):
            desk.sender._proved = float("-inf")
            assert await reason_of(desk.sending.send_one()) == "DEPENDENCY_UNAVAILABLE"
    desk.sender._failed = float("-inf")  # as after a second
    assert await desk.sending.send_one()
    assert len(mail_server.letters) == 1


async def test_a_sender_that_dies_after_the_servers_yes_leaves_the_letter_to_another_with_the_same_code(
    desk: Desk, mail_server: MailServer
) -> None:
    """Twice rather than never: what the mail server accepted and nobody wrote down is sent again under the same Message-ID."""
    channel = await desk.add()
    taken = await desk.outbox.take(desk.clock.now(), again_after=TAKEN_FOR)
    assert taken is not None
    await desk.sender.send(taken.letter)  # and dies here
    assert not await desk.sending.send_one(), "nobody else has it as long as it may live"
    desk.clock.seconds += TAKEN_FOR.total_seconds()
    await desk.deliver()
    assert len({(letter["Message-ID"], letter.get_content()) for letter in mail_server.letters}) == 1
    assert len(mail_server.letters) == 2
    assert await reason_of(desk.verify(channel, mail_server.code_to(ADDRESS))) == ""


async def test_many_senders_send_each_letter_once(desk: Desk, mail_server: MailServer) -> None:
    for number in range(5):
        await desk.add(f"{number}@example.org")
    while any(await asyncio.gather(*(desk.sending.send_one() for _ in range(8)))):
        pass
    assert sorted(letter["To"] for letter in mail_server.letters) == [f"{number}@example.org" for number in range(5)]


async def test_a_letter_of_another_hand_is_not_sent_and_holds_up_no_other(desk: Desk, mail_server: MailServer) -> None:
    await desk.add()
    outbox = desk.database["outbox"]
    row = await outbox.find_one({})
    await outbox.insert_one({**row, "_id": "z" * 26})
    await outbox.update_one({"_id": row["_id"]}, {"$set": {"channel": "moved"}})
    await desk.add("other@example.org")
    with capture_logs() as logs:
        await desk.deliver()
    assert [letter["To"] for letter in mail_server.letters] == ["other@example.org"]
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["outbox.seal_broken"] * 2


async def test_a_channel_removed_while_its_letter_is_on_the_way_stays_removed(desk: Desk, mail_server: MailServer) -> None:
    channel = await desk.add()
    taken = await desk.outbox.take(desk.clock.now(), again_after=TAKEN_FOR)
    assert taken is not None
    await desk.remove(channel)
    with changed(mail_server.replies, lambda replies: replies.update(RCPT="550 5.1.1 no such user")):
        await desk.sending._settle(taken, await desk.sender.send(taken.letter))
    assert (await desk.held()).channels == ()


async def test_what_is_withheld_or_over_is_not_taken(desk: Desk) -> None:
    letter = Letter(id="l" * 26, to=ADDRESS, subject="x", text="y")
    now = desk.clock.now()

    async def add(letter_id: str, *, is_withheld: bool, end: timedelta) -> None:
        one = replace(letter, id=letter_id * 26)
        await in_transaction(
            desk.client,
            lambda session: desk.outbox.add(session, one, DOMINIQUE, "c", now=now, expire_time=now + end, is_withheld=is_withheld),
        )

    await add("w", is_withheld=True, end=timedelta(hours=1))
    await add("o", is_withheld=False, end=timedelta(0))
    assert not await desk.outbox.is_any_due(now)
    assert await desk.outbox.take(now, again_after=TAKEN_FOR) is None
    await add("d", is_withheld=False, end=timedelta(hours=1))
    assert await desk.outbox.is_any_due(now)
    assert await desk.outbox.length() == 3
