"""Destroying a record: who may, what it takes, what is left, what nobody stops (rules.md 7 and 16; promise 7; trial A6)."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from carnet.consent.v1 import access_explanation_service_pb2 as explanation_pb
from carnet.consent.v1 import record_destruction_service_pb2 as pb
from carnet.consent.v1 import record_service_pb2 as record_pb
from carnet.identity.v1 import notice_delivery_service_pb2 as letter_pb
from carnet_consent.usecases.destroy import Destroy
from carnet_platform.errors import Refusal
from component.consent.conftest import ACKNOWLEDGED_AFTER, DOCTOR, HOLDER, NURSE, OTHER_PERSON, Running, Someone, new_request
from component.consent.destroying import COOLING_OFF, STRONG, destroying
from component.consent.life import acting_under, close, events, get, look_up, pass_time, reopen
from component.consent.test_closing import may, reason_of, refusal_of
from component.consent.test_explain_decision import explain, reader_of, stamp

BOTH_DRIVERS = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
MOTHER = acting_under("MINOR_REPRESENTATION")
LIES = ("lie", "lie about the destruction", "give nothing", "give an old one")
"""Answers that are no receipt, and an alarm."""
GONE = "The record is destroyed, or is being destroyed."


async def kinds(running: Running, record: str) -> list[str]:
    """What the history of a record tells, in one word each."""
    return [one.kind.removeprefix("record.") for one in await events(running, record)]


@BOTH_DRIVERS
async def test_a_record_is_destroyed_by_its_holder_and_certified_by_every_receipt(running: Running) -> None:
    """A6: confirmed by the code, closed for seven days, then receipt by receipt, the certificate last; her history is left."""
    record = await running.open()
    await running.state(HOLDER, record, NURSE.subject, "STANDING")
    async with destroying(running) as it:
        code, begun = await it.request(record), time.monotonic()
        assert await running.answer(DOCTOR, record) == "permit", "asking closes nothing"
        cooling = (await it.confirm(record, code)).destruction
        assert time.monotonic() - begun >= ACKNOWLEDGED_AFTER.total_seconds(), "promise 2: a closing is a withdrawal"
        assert (cooling.state, cooling.due_time.ToDatetime(UTC) - cooling.ask_time.ToDatetime(UTC)) == (
            pb.DESTRUCTION_STATE_COOLING_OFF,
            COOLING_OFF,
        )
        for who, action in ((DOCTOR, "READ"), (DOCTOR, "DEPOSIT"), (HOLDER, "DEPOSIT")):
            assert await may(running, who, record, action) == "The record is closed."
        assert await may(running, HOLDER, record, "READ_HISTORY") == "permit"

        assert await pass_time(running, COOLING_OFF - timedelta(minutes=1)) == 0
        assert await pass_time(running, timedelta(minutes=1)) == 1
        for who, action in ((DOCTOR, "READ"), (DOCTOR, "DEPOSIT"), (HOLDER, "READ")):
            assert await may(running, who, record, action) == GONE
        await replace(it.job, changes=replace(it.job.changes, acknowledge_after=timedelta(hours=1))).once()
        assert it.documents.asked == [], "no permit from before can be used any more before anything is erased"
        running.clock.moved += timedelta(seconds=1)
        await it.job.once()
        await it.job.once()

        done = await it.get(record)
        assert (done.state, list(done.awaited)) == (pb.DESTRUCTION_STATE_DESTROYED, [])
        assert {one.participant for one in done.certificate.receipts} == {"consent", "documents", "audit"}
        assert done.certificate.backups_end_time.ToDatetime(UTC) - done.certificate.destroy_time.ToDatetime(UTC) == timedelta(days=35)
        assert len(it.documents.asked) == len(it.audit.asked) == 1, "each is asked until it has given its receipt"
    steps = ["destruction_asked", "destruction_confirmed", "destroying", "erased", "erased", "erased", "destroyed"]
    assert (await kinds(running, record))[-7:] == steps
    stored = await running.database["records"].find_one({"_id": record})
    assert b"nurse" not in stored["consent"]
    assert b"doctor" not in stored["consent"]
    assert await running.database["grants"].count_documents({}) == 0


async def test_of_a_destroyed_record_code_and_date_are_told_and_its_former_holder_keeps_the_history(running: Running) -> None:
    """rules.md 7 and 16: destroying a record does not acquit who looked."""
    record = await running.open()
    async with destroying(running) as it:
        await it.destroyed(record)
        for who, named in ((HOLDER, record), (NURSE, "")):
            found = await look_up(running, who)
            assert (found.availability, found.record) == (record_pb.RECORD_AVAILABILITY_DESTROYED, named)
            assert found.closing_motive_code == "FERMETURE_DESTRUCTION"
            assert found.HasField("close_time")
        refusal = await refusal_of(get(running, record))
        assert (refusal.reason, refusal.metadata["closing_motive_code"]) == ("RECORD_DESTROYED", "FERMETURE_DESTRUCTION")
        assert await may(running, HOLDER, record, "READ_HISTORY") == "permit"
        assert await may(running, OTHER_PERSON, record, "READ_HISTORY") != "permit"
        for refused in (
            running.state(HOLDER, record, NURSE.subject, "STANDING"),
            close(running, HOLDER, record),
            reopen(running, HOLDER, record),
            it.request(record),
            it.cancel(record),
        ):
            assert await reason_of(refused) == "RECORD_DESTROYED"
        assert await reason_of(it.get(record, OTHER_PERSON)) == "NOT_FOUND"

        another = await running.open()
        assert another != record
        found = await look_up(running, HOLDER)
        assert (found.availability, found.record) == (record_pb.RECORD_AVAILABILITY_AUTHORISED, another)
        assert await it.state(record) == "DESTROYED"
        assert (await it.destroyed(another)).certificate.record == another, "a person may have several over time"
        assert (await look_up(running, HOLDER)).record == another


async def test_no_second_record_is_opened_while_the_first_is_being_destroyed(running: Running) -> None:
    record = await running.open()
    async with destroying(running) as it:
        await it.begun(record)
        assert await reason_of(running.open()) == "STATE_FORBIDS"
        assert (await look_up(running, HOLDER)).availability == record_pb.RECORD_AVAILABILITY_DESTROYING


async def test_a_cancelled_destruction_leaves_the_record_as_it_was(running: Running) -> None:
    """rules.md 16: within the cooling-off; one that was closed before stays closed."""
    record = await running.open()
    async with destroying(running) as it:
        before = await get(running, record)
        await it.confirmed(record)
        assert await reason_of(reopen(running, HOLDER, record)) == "STATE_FORBIDS"
        assert await reason_of(it.cancel(record, etag='"1"')) == "ETAG_MISMATCH"
        assert await reason_of(it.request(record)) == "STATE_FORBIDS"
        await it.cancel(record)
        after = await get(running, record)
        before.etag = after.etag = ""
        assert after == before
        assert await running.answer(DOCTOR, record) == "permit"
        assert await pass_time(running, COOLING_OFF * 2) == 0
        assert await reason_of(it.cancel(record)) == "STATE_FORBIDS"

        await close(running, HOLDER, record)
        await it.confirmed(record)
        await it.cancel(record)
        assert await may(running, DOCTOR, record, "READ") == "The record is closed."
        await reopen(running, HOLDER, record)


async def test_only_the_holder_asks_with_two_factors_and_only_her_address_gets_the_code(running: Running) -> None:
    """rules.md 16: representatives never, by default."""
    record = await running.open()
    weak = Someone(HOLDER.subject, "PATIENT", purpose="PATIENT_REQUEST", claims={"acr": "eidas1"})
    async with destroying(running) as it:
        mother = Someone(MOTHER.subject, MOTHER.role, purpose=MOTHER.purpose, claims=MOTHER.claims | {"acr": "eidas2"})
        for who, reason in (
            (weak, "LOGIN_TOO_WEAK"),
            (HOLDER, "LOGIN_TOO_WEAK"),
            (mother, "ROLE_NOT_ALLOWED"),
            (OTHER_PERSON, "NOT_FOUND"),
            (DOCTOR, "NOT_FOUND"),
        ):
            assert await reason_of(it.request(record, who)) == reason
        assert it.identity.codes == {}
        it.identity.outcome = letter_pb.NOTICE_OUTCOME_NO_CHANNEL
        assert await reason_of(it.request(record)) == "NO_VERIFIED_CHANNEL"
        it.identity.outcome = letter_pb.NOTICE_OUTCOME_QUEUED
        code = await it.request(record)
        assert await reason_of(it.confirm(record, code, weak)) == "LOGIN_TOO_WEAK"
        assert await it.state(record) == "NONE"


async def test_five_codes_are_tried_and_one_that_is_wrong_used_or_old_confirms_nothing(running: Running) -> None:
    record = await running.open()
    async with destroying(running) as it:
        code = await it.request(record)
        wrong = f"{(int(code) + 1) % 1_000_000:06d}"
        assert await reason_of(it.confirm(record, "12345")) == "INVALID_FIELD"
        assert await reason_of(it.confirm(record, code, OTHER_PERSON)) == "NOT_FOUND"
        for _ in range(5):
            assert await reason_of(it.confirm(record, wrong)) == "CODE_INVALID"
        assert await reason_of(it.confirm(record, code)) == "CODE_INVALID", "five wrong ones end it"
        code = await it.request(record)
        running.clock.moved += timedelta(minutes=10)
        assert (await refusal_of(it.confirm(record, code))).field == "code"
        for _ in range(3):
            code = await it.request(record)
        assert await reason_of(it.request(record)) == "RATE_LIMITED"
        await it.confirm(record, code)
        await it.cancel(record)
        assert await reason_of(it.confirm(record, code)) == "CODE_INVALID", "it is used once"


async def test_a_repeated_request_sends_one_code_and_confirms_once(running: Running) -> None:
    record = await running.open()
    async with destroying(running) as it:
        asked, confirmed = new_request(), new_request()
        it.identity.is_gone = True
        assert await reason_of(it.request(record, request_id=asked)) == "DEPENDENCY_UNAVAILABLE"
        it.identity.is_gone, it.identity.hangs = False, True
        assert await reason_of(it.request(record, request_id=asked)) == "DEPENDENCY_UNAVAILABLE"
        it.identity.hangs = False
        code = await it.request(record, request_id=asked)
        assert await it.request(record, request_id=asked) == code
        first = await it.confirm(record, code, request_id=confirmed)
        assert await it.confirm(record, code, request_id=confirmed) == first
        assert (await kinds(running, record)).count("destruction_asked") == 1
        assert (await kinds(running, record)).count("destruction_confirmed") == 1


async def test_nothing_is_certified_that_a_participant_has_not_erased(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    """Promise 7: it hangs, is gone, refuses, or answers for something else; the others are not kept waiting, and it is asked again."""
    record = await running.open()
    async with destroying(running) as it:
        await it.begun(record)
        for does in ("hang", "vanish", "refuse", "go on", *LIES):
            it.audit.does = does
            await it.job.once()
            standing = await it.get(record)
            assert (standing.state, list(standing.awaited)) == (pb.DESTRUCTION_STATE_DESTROYING, ["audit"]), does
            assert not standing.HasField("certificate")
            assert ("destruction.receipt_refused" in capsys.readouterr().out) == (does in LIES), does
        it.audit.does = "erase"
        await it.job.once()
        assert await it.state(record) == "DESTROYED"
        assert len(it.documents.asked) == 1
        assert len(set(it.audit.asked)) == 1, "the same request, however often"


async def test_a_participant_without_a_target_is_waited_for_and_that_is_an_alarm_once_a_day(
    running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    """Documents and audit are required by default, whether they can erase yet or not."""
    record = await running.open()
    async with destroying(running) as it:
        await it.begun(record)
        waiting = running.consent.destructions.going_on({})
        for _ in range(2):
            await waiting.once()
        assert "destruction.waits" not in capsys.readouterr().out
        assert list((await it.get(record)).awaited) == ["documents", "audit"]
        running.clock.moved += timedelta(days=1)
        for _ in range(2):
            await waiting.once()
        assert capsys.readouterr().out.count("destruction.waits") == 1
        assert await it.state(record) == "DESTROYING"


async def test_two_processes_and_one_that_was_killed_make_each_step_once(running: Running) -> None:
    """R-trials: the steps are conditional transactions; a fresh process goes on where another stopped."""
    record = await running.open()
    async with destroying(running) as it:
        await it.begun(record)
        it.audit.does = "hang"
        await it.job.once()
        it.audit.does = "erase"
        fresh: Destroy = running.consent.destructions.going_on(it.participants)
        await fresh.once()
        await it.job.once()
        assert (await kinds(running, record)).count("erased") == 3
        assert (await kinds(running, record)).count("destroyed") == 1


async def test_a_closed_record_is_purged_after_ten_years_announced_before(running: Running) -> None:
    """CSP L1111-18: in the same sequence, without a cooling-off; reopened meanwhile it stays."""
    record = await running.open()
    async with destroying(running) as it:
        destroy = (await close(running, HOLDER, record)).closing.destroy_time.ToDatetime(UTC)
        assert await pass_time(running, destroy - timedelta(days=31) - running.clock.now()) == 0
        assert await pass_time(running, timedelta(days=2)) == 1
        announced = await it.get(record)
        assert announced.state == pb.DESTRUCTION_STATE_PURGE_ANNOUNCED
        assert timedelta(0) <= announced.due_time.ToDatetime(UTC) - destroy < timedelta(days=2)
        told = (await events(running, record))[-1]
        assert (told.kind, told.change, told.actor.role) == ("record.purge_announced", "RETENTION", "PLATFORM")
        await reopen(running, HOLDER, record)
        assert await it.state(record) == "NONE"

        destroy = (await close(running, HOLDER, record)).closing.destroy_time.ToDatetime(UTC)
        assert await pass_time(running, destroy + timedelta(days=400) - running.clock.now()) == 1
        assert (await it.get(record)).due_time.ToDatetime(UTC) - running.clock.now() > timedelta(days=29), "never without the whole notice"
        assert await pass_time(running, timedelta(days=30)) == 1
        running.clock.moved += timedelta(seconds=1)
        await it.job.once()
        assert await it.state(record) == "DESTROYED"


async def test_what_explains_old_accesses_is_kept_for_its_time_and_then_deleted(running: Running) -> None:
    """rules.md 16: as long as the log; the text of a certificate says until when."""
    record = await running.open()
    async with destroying(running) as it:
        done = await it.destroyed(record)
        until = done.explained_until_time.ToDatetime(UTC)
        assert until - done.certificate.destroy_time.ToDatetime(UTC) == timedelta(days=2192)
        assert await pass_time(running, until - timedelta(seconds=5) - running.clock.now()) == 0
        assert await running.database["history"].count_documents({"record": record}) > 1
        assert await pass_time(running, timedelta(seconds=5)) == 1
        assert await running.database["history"].count_documents({"record": record}) == 1
        assert (await events(running, record))[-1].kind == "record.kept_states_deleted"
        assert await pass_time(running, timedelta(days=4000)) == 0
        assert not (await it.get(record)).HasField("explained_until_time")
        assert await may(running, HOLDER, record, "READ_HISTORY") == "permit"


async def test_old_accesses_are_explained_to_the_former_holder_and_to_nobody_else(running: Running) -> None:
    """rules.md 16: destroying a record does not acquit who looked."""
    record = await running.open()
    async with destroying(running) as it:
        then = running.clock.now()
        await it.destroyed(record)
        asked = explanation_pb.ExplainDecisionRequest(record=record, reader=reader_of(DOCTOR), time=stamp(then))
        assert (await explain(running, HOLDER, asked)).verdict == explanation_pb.VERDICT_ALLOWED
        assert await reason_of(explain(running, DOCTOR, asked)) == "RECORD_DESTROYED"
        asked.ClearField("time")
        assert (await explain(running, HOLDER, asked)).steps[-1].key == "kept"


async def test_what_she_was_told_of_the_record_goes_with_it(running: Running) -> None:
    record = await running.open(HOLDER)
    async with destroying(running) as it:
        await running.state(HOLDER, record, DOCTOR.subject, "STANDING")
        await close(running, DOCTOR, record)
        assert await running.database["notices"].count_documents({}) == 1
        await it.destroyed(record)
        left = [running.consent.telling.notices.opened(row) async for row in running.database["notices"].find({})]
        assert sorted(one.event for one in left if one is not None) == ["record.destroyed", "record.destroying"]


async def test_a_record_that_was_closed_before_purges_were_noted_is_read_and_purged(running: Running) -> None:
    record = await running.open()
    await close(running, HOLDER, record)
    await running.database["records"].update_one({"_id": record}, {"$unset": {"due": ""}})

    assert await may(running, HOLDER, record, "READ") == "permit"
    assert await running.consent.destructions.changes.records.note_purges() == 1
    assert await running.consent.destructions.changes.records.note_purges() == 0
    assert await pass_time(running, timedelta(days=3653)) == 1


async def test_of_two_confirmations_at_once_one_counts_and_a_cancellation_comes_too_late_once_it_has_begun(running: Running) -> None:
    record = await running.open()
    async with destroying(running) as it:
        code = await it.request(record)
        both = await asyncio.gather(it.confirm(record, code), it.confirm(record, code), return_exceptions=True)
        (confirmed,) = (one for one in both if isinstance(one, pb.ConfirmDestructionResponse))
        (refused,) = (one for one in both if isinstance(one, Refusal))
        assert refused.reason in {"STATE_FORBIDS", "CODE_INVALID"}
        await pass_time(running, COOLING_OFF)
        assert await reason_of(it.cancel(record, STRONG, etag=confirmed.etag)) == "RECORD_DESTROYED"
