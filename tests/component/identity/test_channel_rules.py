"""Adding, verifying and removing contact channels, on real stores, both drivers and a real mail server; the outbox and its sender."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from carnet_identity.domain.withdrawal import Withdrawal
from carnet_platform.envelope import EnvelopeError
from carnet_platform.errors import ResourceExhausted
from component.identity.desk import DOMINIQUE, LIFETIME, OTHER, Desk, acting, reason_of
from pymongo.errors import WriteError
from structlog.testing import capture_logs
from support.calls import calling, user_of
from support.canaries import forms
from support.drivers import AT_LENGTH_ON_BOTH
from support.hand_clock import BEGIN
from support.mail_server import MailServer, gone

pytestmark = pytest.mark.parametrize("database", AT_LENGTH_ON_BOTH, indirect=True)
ADDRESS = "dominique@example.org"


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


async def stored(desk: Desk) -> int:
    """How many rows there are of channels, letters, counts, requests and changes."""
    names = ("contact_channels", "outbox", "sent_codes", "requests", "changes")
    return sum([await desk.database[name].count_documents({}) for name in names])


async def test_a_channel_counts_once_the_code_that_was_sent_came_back(desk: Desk, mail_server: MailServer) -> None:
    added = await desk.add()
    assert added.endswith((BEGIN + LIFETIME).isoformat())
    assert [channel.is_verified for channel in (await desk.held()).channels] == [False]
    await desk.deliver()
    assert await desk.verify(added, mail_server.code_to(ADDRESS)) == added.partition(" ")[0].encode()
    held = await desk.listing(DOMINIQUE)
    assert [(channel.address, channel.verify_time) for channel in held.channels] == [(ADDRESS, BEGIN)]
    assert await desk.kinds() == ["contact_channel.added", "contact_channel.verified"]
    assert await desk.database["outbox"].count_documents({}) == 0


async def test_a_wrong_code_is_counted_and_five_end_it(desk: Desk, mail_server: MailServer) -> None:
    channel = await desk.add()
    await desk.deliver()
    code = mail_server.code_to(ADDRESS)
    assert {await reason_of(desk.verify(channel, wrong(code))) for _ in range(5)} == {"CODE_INVALID"}
    assert await reason_of(desk.verify(channel, code)) == "CODE_INVALID"
    await desk.add()
    await desk.deliver()
    assert await reason_of(desk.verify(channel, mail_server.code_to(ADDRESS))) == ""
    assert len(mail_server.letters) == 2


async def test_many_tries_at_once_are_all_counted(desk: Desk, mail_server: MailServer) -> None:
    """A code is six digits: whoever could try without being counted would have it in no time."""
    channel = await desk.add()
    await desk.deliver()
    code = mail_server.code_to(ADDRESS)
    await asyncio.gather(*(reason_of(desk.verify(channel, wrong(code))) for _ in range(8)))
    assert await reason_of(desk.verify(channel, code)) == "CODE_INVALID"


async def test_a_retry_of_a_wrong_try_is_not_counted_again(desk: Desk, mail_server: MailServer) -> None:
    channel, request_id = await desk.add(), "9e4f2ff8-6f2f-4c6e-8c59-7ac0c4dbb4a1"
    await desk.deliver()
    code = mail_server.code_to(ADDRESS)
    assert {await reason_of(desk.verify(channel, wrong(code), request_id=request_id)) for _ in range(9)} == {"CODE_INVALID"}
    assert await reason_of(desk.verify(channel, code)) == ""


async def test_a_code_is_too_old_after_a_quarter_of_an_hour_and_is_not_sent_then(desk: Desk, mail_server: MailServer) -> None:
    channel = await desk.add()
    await desk.deliver()
    desk.clock.seconds += LIFETIME.total_seconds()
    assert await reason_of(desk.verify(channel, mail_server.code_to(ADDRESS))) == "CODE_INVALID"
    await desk.add()
    desk.clock.seconds += LIFETIME.total_seconds()
    await desk.deliver()
    assert len(mail_server.letters) == 1
    with capture_logs() as logs:
        assert await desk.sending.forget_expired()
        assert not await desk.sending.forget_expired()
    assert [(line["event"], line["log_level"]) for line in logs] == [("mail.not_delivered", "error")]


async def test_a_retry_sends_nothing_twice_and_gets_the_first_answer_even_when_the_mail_server_is_down(
    desk: Desk, mail_server: MailServer
) -> None:
    request_id = "3f0c1f0e-1111-4c6e-8c59-7ac0c4dbb4a1"
    first = await desk.add(request_id=request_id)
    await desk.deliver()
    desk.clock.seconds += 60
    assert await desk.add(request_id=request_id) == first
    with gone(mail_server):
        desk.sender._proved = float("-inf")
        assert await desk.add(request_id=request_id) == first
        assert await reason_of(desk.add("other@example.org", request_id=request_id)) == "REQUEST_ID_REUSED"
    await desk.deliver()
    assert len(mail_server.letters) == 1


async def test_many_retries_at_once_send_one_letter(desk: Desk, mail_server: MailServer) -> None:
    request_id = "3f0c1f0e-2222-4c6e-8c59-7ac0c4dbb4a1"
    answers = await asyncio.gather(*(desk.add(request_id=request_id) for _ in range(6)))
    assert len(set(answers)) == 1
    await desk.deliver()
    assert len(mail_server.letters) == 1


async def test_when_no_mail_can_be_sent_adding_fails_and_nothing_is_half_done(desk: Desk, mail_server: MailServer) -> None:
    before = await stored(desk)
    with gone(mail_server):
        assert await reason_of(desk.add()) == "DEPENDENCY_UNAVAILABLE"
    assert await stored(desk) == before
    assert await desk.kinds() == []


async def test_when_too_many_letters_wait_adding_fails_and_nothing_is_half_done(desk: Desk) -> None:
    desk.adding = replace(desk.adding, rules=replace(desk.adding.rules, longest_queue=1))
    await desk.add()
    before = await stored(desk)
    assert await reason_of(desk.add("other@example.org")) == "DEPENDENCY_UNAVAILABLE"
    assert await stored(desk) == before


async def test_a_person_gets_five_codes_an_hour_and_an_alarm_is_raised(desk: Desk) -> None:
    for number in range(5):
        desk.clock.seconds += 60
        await desk.add(f"{number % 2}@example.org")
    before = await stored(desk)
    with capture_logs() as logs, pytest.raises(ResourceExhausted) as raised:
        await desk.add("2@example.org")
    assert raised.value.retry_after == timedelta(hours=1) - timedelta(minutes=4)
    assert [(line["event"], line["log_level"]) for line in logs] == [("contact_codes.person_limit", "error")]
    assert await stored(desk) == before
    desk.clock.seconds += raised.value.retry_after.total_seconds()
    assert await reason_of(desk.add("2@example.org")) == ""


async def test_a_flooded_mailbox_gets_no_more_and_nobody_is_told_that_others_ask_for_it(desk: Desk, mail_server: MailServer) -> None:
    """Whether an address is another person's is never told: the answer, and what is stored for it, are those of any other."""
    for number in range(5):
        await desk.add(f"Victim+{number}@example.org")
    with acting(OTHER):
        for _ in range(3):
            await desk.add("victim@example.org", patient=OTHER)
        rows = await stored(desk)
        with capture_logs() as logs:
            answer = await desk.add("victim@example.org", patient=OTHER)
        assert [(line["event"], line["log_level"]) for line in logs] == [("contact_codes.mailbox_limit", "error")]
        assert "victim" not in str(logs).lower()
        assert answer.endswith((BEGIN + LIFETIME).isoformat())
        assert await stored(desk) == rows + 2, "a request and a letter, as ever"
        await desk.deliver()
        assert len(mail_server.letters) == 8
        desk.clock.seconds += LIFETIME.total_seconds()
        with capture_logs() as logs:
            while await desk.sending.forget_expired():
                pass
        assert logs == []
        desk.clock.seconds += timedelta(hours=1).total_seconds()
        await desk.add("victim@example.org", patient=OTHER)
        await desk.deliver()
        assert len(mail_server.letters) == 9


async def test_an_address_may_be_two_persons_and_neither_hears_of_the_other(desk: Desk, mail_server: MailServer) -> None:
    hers = await desk.verified(mail_server, ADDRESS)
    with acting(OTHER):
        his = await desk.verified(mail_server, ADDRESS, OTHER)
        assert hers != his
        assert len((await desk.listing(OTHER)).channels) == 1
        assert {letter["Subject"] for letter in mail_server.letters} == {"Votre code / Your code"}


async def test_a_person_has_five_channels(desk: Desk) -> None:
    for number in range(5):
        await desk.add(f"{number}@example.org")
    desk.clock.seconds += 3600
    assert await reason_of(desk.add("5@example.org")) == "STATE_FORBIDS"
    assert await reason_of(desk.add("4@example.org")) == ""


async def test_a_removed_channel_is_forgotten_and_the_other_verified_ones_are_told(desk: Desk, mail_server: MailServer) -> None:
    first, second = await desk.verified(mail_server, "first@example.org"), await desk.verified(mail_server, "second@example.org")
    await desk.add("never-verified@example.org")
    await desk.deliver()
    mail_server.letters.clear()
    request_id = "3f0c1f0e-3333-4c6e-8c59-7ac0c4dbb4a1"
    for _ in range(2):
        await desk.remove(first, request_id=request_id)
    assert await reason_of(desk.remove(first)) == "NOT_FOUND"
    await desk.deliver()
    assert [(letter["To"], letter["Subject"]) for letter in mail_server.letters] == [
        ("second@example.org", "Une adresse a été retirée / An address was removed")
    ]
    assert "first" not in mail_server.letters[0].get_content()
    assert [channel.id for channel in (await desk.held()).channels if channel.is_verified] == [second]
    assert (await desk.kinds())[-1] == "contact_channel.removed"


async def test_removing_does_not_wait_for_the_mail_server_and_sends_no_code_any_more(desk: Desk, mail_server: MailServer) -> None:
    await desk.verified(mail_server, "first@example.org")
    second = await desk.add("second@example.org")
    with gone(mail_server):
        await desk.remove(second)
    await desk.deliver()
    assert [letter["To"] for letter in mail_server.letters] == ["first@example.org", "first@example.org"], "its code, and the notice"


async def test_another_persons_channels_are_out_of_reach_whether_or_not_there_are_any(desk: Desk, mail_server: MailServer) -> None:
    channel = await desk.verified(mail_server, ADDRESS)
    with acting(OTHER):
        for patient in (DOMINIQUE, "c" * 26):
            outcomes = [
                await reason_of(desk.add(patient=patient)),
                await reason_of(desk.verify(channel, "000000", patient=patient)),
                await reason_of(desk.remove(channel, patient=patient)),
                await reason_of(desk.listing(patient)),
            ]
            assert outcomes == ["MANDATE_NOT_IN_FORCE"] * 4
        assert await reason_of(desk.verify(channel, "000000", patient=OTHER)) == "NOT_FOUND"
    with calling(user_of("professionals/alice")):
        assert await reason_of(desk.listing(DOMINIQUE)) == "ROLE_NOT_ALLOWED"


@pytest.mark.parametrize("subject", [f"sessions/{DOMINIQUE}", f"patients/{DOMINIQUE}"])
async def test_who_was_withdrawn_may_do_nothing(desk: Desk, subject: str) -> None:
    await desk.due.add([Withdrawal(subject=subject, request_id="r1", expire_time=BEGIN)])
    assert await reason_of(desk.add()) == "SESSION_WITHDRAWN"
    assert await reason_of(desk.listing(DOMINIQUE)) == "SESSION_WITHDRAWN"
    assert await stored(desk) == 0


async def test_what_is_stored_has_no_address_and_no_code(desk: Desk, mail_server: MailServer) -> None:
    """Canaries: every row of every collection, while the letter waits and after it was sent."""
    address = "canariquiquequ@nowhere-to-be-found.example"
    await desk.add(address)
    before = await _everything(desk)
    await desk.deliver()
    words = ("canariquiquequ", "nowhere-to-be-found", mail_server.code_to(address), "Votre code")
    for rows in (before, await _everything(desk)):
        found = [word for word in words if any(form in rows for form in forms(word))]
        assert found == []


async def _everything(desk: Desk) -> bytes:
    rows = b""
    for name in await desk.database.list_collection_names():
        async for row in desk.database[name].find({}):
            rows += repr(row).encode() + b"".join(bytes(value) for value in row.values() if isinstance(value, bytes))
    return rows.lower()


async def test_a_row_of_another_hand_is_not_believed(desk: Desk, mail_server: MailServer) -> None:
    await desk.verified(mail_server, ADDRESS)
    rows = desk.database["contact_channels"]
    row = await rows.find_one({"_id": DOMINIQUE})
    for moved in ({**row, "_id": OTHER}, {**row, "revision": row["revision"] + 1}, {**row, "channels": row["channels"][:-1] + b"x"}):
        await rows.replace_one({"_id": moved["_id"]}, moved, upsert=True)
        with capture_logs() as logs, pytest.raises(EnvelopeError):
            await desk.held(moved["_id"])
        assert [(line["event"], line["log_level"]) for line in logs] == [("contact_channels.seal_broken", "error")]


@pytest.mark.parametrize("name", ["contact_channels", "outbox", "sent_codes"])
async def test_no_field_is_stored_in_clear_by_oversight(desk: Desk, name: str) -> None:
    await desk.add()
    row = await desk.database[name].find_one({})
    with pytest.raises(WriteError):
        await desk.database[name].insert_one({**row, "_id": "another", "address": ADDRESS})
