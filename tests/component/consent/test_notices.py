"""Notices are stored with the change they are about and delivered once, whatever dies, hangs or refuses; nothing waits for them."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from carnet.consent.v1 import emergency_access_service_pb2 as emergencies
from carnet.identity.v1 import notice_delivery_service_pb2 as pb
from carnet_consent.domain.letter_queue import Delivery
from carnet_consent.domain.notice import Letter, Notice, NoticeKind
from carnet_consent.storage.notices import Notices, _context
from carnet_consent.usecases.deliver_notices import DeliverNotices
from carnet_dev.certificates import Authority
from carnet_dev.key_files import master_key_folder
from carnet_platform.errors import Unavailable
from component.consent.conftest import CONTEXT, HOLDER, KEYS, Running, Someone, new_request
from component.consent.letter_writer import Identity, writing
from structlog.testing import capture_logs
from support.hand_clock import BEGIN
from support.stores_fixtures import TestStores

BREAKING = Someone("professionals/doctor", "10", "structures/hospital", purpose="BREAK_GLASS")
REASON = "Unconscious after a fall, zyxwquartz"


@pytest.fixture
async def letters() -> AsyncIterator[tuple[Identity, Any]]:
    async with writing() as both:
        yield both


def delivering(running: Running, letters: tuple[Identity, Any]) -> DeliverNotices:
    """The job of a process."""
    return running.consent.telling.delivering(letters[1])


async def break_glass(running: Running, record: str, request_id: str = "") -> None:
    """Break the glass."""
    request = emergencies.BreakGlassRequest(
        request_id=request_id or new_request(), record=record, cannot_express_will=True, immediate_risk=True, reason=REASON
    )
    with BREAKING.calling():
        await running.emergencies.BreakGlass(request, CONTEXT)


async def states(running: Running) -> list[str]:
    """Where each letter stands."""
    return [row["delivery"] async for row in running.database["notices"].find().sort("due", 1)]


async def try_one(job: DeliverNotices) -> None:
    """One look for a letter, whoever does not answer."""
    try:
        await job.deliver_one()
    except Unavailable:
        return


async def test_an_emergency_is_told_once_however_often_it_is_asked_for(running: Running, letters: tuple[Identity, Any]) -> None:
    """C7; CSP R1111-48."""
    identity, record, request = letters[0], await running.open(), new_request()
    for _ in range(2):
        await break_glass(running, record, request)
    job = delivering(running, letters)
    assert [await job.deliver_one() for _ in range(3)] == [True, False, False]
    asked = identity.requests[0]
    assert (asked.patient, asked.letter, asked.representatives) == (HOLDER.subject, pb.NOTICE_LETTER_EXCEPTIONAL_ACCESS, True)
    assert asked.place_of_care == BREAKING.structure
    assert asked.event_time.ToDatetime().replace(microsecond=0) <= running.clock.now().replace(tzinfo=None)
    assert await states(running) == [Delivery.DELIVERED]


async def test_a_process_that_dies_between_delivery_and_its_note_costs_no_second_letter(
    running: Running, letters: tuple[Identity, Any]
) -> None:
    identity = letters[0]
    await break_glass(running, await running.open())
    job, now = delivering(running, letters), running.clock.now()
    taken = await job.notices.take(now, again_after=job.patience.taken_for)
    assert taken is not None
    await job.letters.write(taken)
    assert not await job.deliver_one(), "nobody else gets it while it may be on its way"
    running.clock.moved = job.patience.taken_for + timedelta(seconds=1)
    assert await job.deliver_one()
    assert (len(identity.requests), len(identity.letters)) == (2, 1), "the same request, so one letter"
    assert identity.requests[0] == identity.requests[1]


@pytest.mark.parametrize("fault", ["is_gone", "hangs"])
async def test_an_identity_that_is_gone_or_hangs_stops_no_emergency_and_is_told_when_it_is_back(
    running: Running, letters: tuple[Identity, Any], fault: str
) -> None:
    """C7: within half a minute of its return."""
    identity, job = letters[0], delivering(running, letters)
    setattr(identity, fault, True)
    await break_glass(running, await running.open())
    for _ in range(8):
        await try_one(job)
        running.clock.moved += timedelta(seconds=31)
    assert await states(running) == [Delivery.WAITING]
    setattr(identity, fault, False)
    await try_one(job)
    assert (len(identity.letters), await states(running)) == (1, [Delivery.DELIVERED])


async def test_a_letter_that_nobody_answers_for_is_a_dead_letter_in_the_end(running: Running, letters: tuple[Identity, Any]) -> None:
    letters[0].is_gone = True
    await break_glass(running, await running.open())
    job = delivering(running, letters)
    running.clock.moved = job.patience.tried_for
    with capture_logs() as logs:
        await try_one(job)
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["notice.not_delivered"]
    assert await states(running) == [Delivery.GIVEN_UP]


async def test_a_letter_that_is_refused_is_tried_with_growing_pauses_and_then_a_dead_letter(
    running: Running, letters: tuple[Identity, Any]
) -> None:
    letters[0].refuses = True
    await break_glass(running, await running.open())
    job = delivering(running, letters)
    with capture_logs() as logs:
        for attempt in range(job.patience.attempts):
            assert await job.deliver_one()
            assert not await job.deliver_one(), "not at once"
            running.clock.moved += timedelta(seconds=min(2**attempt, 30))
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["notice.not_delivered"]
    assert await states(running) == [Delivery.GIVEN_UP]


async def test_dead_letters_are_listed_without_whom_they_tell_and_tried_again(
    running: Running, letters: tuple[Identity, Any], tmp_path: Path, stores: TestStores, database_name: str, certificates: Authority
) -> None:
    """By the command an operator has, beside the running service."""
    await break_glass(running, await running.open())
    job = delivering(running, letters)
    letters[0].is_gone = True
    running.clock.moved = job.patience.tried_for
    with capture_logs():
        await try_one(job)
    (tmp_path / "mongo").write_text(stores.mongo_url(database_name))
    master_key_folder(tmp_path / "keys", datetime.now(UTC).date())
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CARNET_")} | {
        "CARNET_ENVIRONMENT": "test",
        "CARNET_CERTIFICATE_FOLDER": str(certificates.folder("consent")),
        "CARNET_MONGO_URL_FILE": str(tmp_path / "mongo"),
        "CARNET_MASTER_KEY_FOLDER": str(tmp_path / "keys"),
        "CARNET_IDENTITY_TARGET": "127.0.0.1:1",
        "CARNET_AUDIT_TARGET": "127.0.0.1:1",
    }

    async def command(name: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "carnet_consent.dead_letters.main", name), env=environment, stdout=PIPE, stderr=STDOUT
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        return said.decode()

    said = await command("list")
    assert "notice.given_up" in said
    assert not any(canary in said for canary in (HOLDER.subject, BREAKING.subject, "records/", "zyxw"))
    assert '"count": 1' in await command("retry") or '"count":1' in await command("retry")
    letters[0].is_gone = False
    running.clock.moved += timedelta(minutes=1)
    assert await job.deliver_one()
    assert (len(letters[0].letters), await states(running)) == (1, [Delivery.DELIVERED])


async def test_who_has_no_address_finds_it_in_the_inbox_alone(running: Running, letters: tuple[Identity, Any]) -> None:
    letters[0].outcome = pb.NOTICE_OUTCOME_NO_CHANNEL
    await break_glass(running, await running.open())
    assert await delivering(running, letters).deliver_one()
    assert await states(running) == [Delivery.NO_ADDRESS]


async def test_a_letter_that_waits_too_long_is_one_alarm(running: Running, letters: tuple[Identity, Any]) -> None:
    await break_glass(running, await running.open())
    job = delivering(running, letters)
    with capture_logs() as logs:
        await job.look()
        running.clock.moved = job.patience.late_after + timedelta(seconds=1)
        for _ in range(2):
            await job.look()
        await job.deliver_one()
        await job.look()
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["notices.late"]


async def test_a_change_that_is_refused_tells_nobody(running: Running) -> None:
    record = await running.open()
    with BREAKING.calling(), pytest.raises(Exception, match="REASON_REQUIRED"):
        await running.emergencies.BreakGlass(
            emergencies.BreakGlassRequest(request_id=new_request(), record=record, cannot_express_will=True, immediate_risk=True), CONTEXT
        )
    assert await states(running) == []


async def test_a_queue_that_takes_nothing_stops_no_emergency(running: Running) -> None:
    """C7: never stopped by the notice queue."""
    record = await running.open()
    await running.database.command("collMod", "notices", validator={"impossible": {"$exists": True}})
    with capture_logs() as logs:
        await break_glass(running, record)
    assert await running.answer(BREAKING, record) == "permit"
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["notice.not_queued"]
    assert await states(running) == []


async def test_the_stored_notice_tells_neither_who_nor_where_nor_why(running: Running) -> None:
    """S9."""
    record = await running.open()
    await break_glass(running, record)
    rows = [str(row) async for row in running.database["notices"].find()]
    assert len(rows) == 1
    for canary in (record, HOLDER.subject, BREAKING.subject, BREAKING.structure, "EMERGENCY", "zyxwquartz"):
        assert canary not in rows[0]


async def test_a_notice_that_somebody_edited_is_told_to_nobody(running: Running, letters: tuple[Identity, Any]) -> None:
    await break_glass(running, await running.open())
    recipient = running.consent.telling.notices.blind("recipient", "patients/other")
    await running.database["notices"].update_many({}, {"$set": {"recipient": recipient}})
    with capture_logs() as logs:
        assert not await delivering(running, letters).deliver_one()
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["notice.seal_broken"]
    assert (letters[0].requests, await states(running)) == ([], [Delivery.GIVEN_UP])


NOTICE = Notice(
    "patients/p", NoticeKind.EMERGENCY_ACCESS, "emergency.opened", "records/r", 2, BEGIN, "professionals/d", "structures/s", "", "",
    "structures/s",
    "", "", Letter.EXCEPTIONAL_ACCESS, tells_representatives=True,
)  # fmt: skip


@pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
async def test_a_stored_notice_is_the_one_that_was_stored_and_is_taken_by_one(database: tuple[Any, Any]) -> None:
    store = await Notices.open(database[1], KEYS, timedelta(days=30))
    for _ in range(2):
        await store.add(None, [NOTICE], BEGIN)
    taken = await store.take(BEGIN, again_after=timedelta(seconds=5))
    assert taken is not None
    assert (taken.notice, taken.attempts) == (NOTICE, 1)
    assert await store.take(BEGIN + timedelta(seconds=4), again_after=timedelta(seconds=5)) is None
    again = await store.take(BEGIN + timedelta(seconds=5), again_after=timedelta(seconds=5))
    assert again is not None
    assert (again.request_id, again.attempts) == (taken.request_id, 2)
    await store.put_back(taken, BEGIN)
    assert await store.take(BEGIN + timedelta(seconds=6), again_after=timedelta(seconds=5)) is None, "it was taken again meanwhile"
    await store.settle(again.id, Delivery.DELIVERED)
    await store.settle(again.id, Delivery.GIVEN_UP)
    assert [row["delivery"] async for row in store.collection.find()] == [Delivery.DELIVERED]


async def test_a_notice_stored_before_there_were_channels_goes_out_by_every_one(database: tuple[Any, Any]) -> None:
    store = await Notices.open(database[1], KEYS, timedelta(days=30))
    await store.add(None, [NOTICE], BEGIN)
    row = await store.collection.find_one({})
    assert row is not None
    content = {**asdict(NOTICE), "time": NOTICE.time.isoformat()}
    del content["channels"]
    old = store._sealer.seal(json.dumps(content).encode(), _context(row))
    assert store.opened({**row, "content": old}) == NOTICE
