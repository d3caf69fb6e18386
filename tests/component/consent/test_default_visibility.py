"""The holder's standing choice that documents to come are masked: who may make it, what it does at once, and what it leaves alone."""

import asyncio
import time
from typing import Any, cast

import pytest
from carnet.audit.v1.event_pb2 import Event
from carnet.consent.v1 import access_decision_service_pb2 as decisions
from carnet.consent.v1 import record_pb2
from carnet.consent.v1 import record_service_pb2 as pb
from carnet_platform.errors import Refusal
from component.consent.conftest import ACKNOWLEDGED_AFTER, CONTEXT, DOCTOR, HOLDER, NURSE, OTHER_PERSON, Running, Someone, new_request
from component.consent.test_mandataries import give, mother
from component.consent.test_preview_change import ask
from google.protobuf import json_format

INSURER = Someone("structures/insurer", "INSURER", "structures/insurer", purpose="SYSTEM_DEPOSIT")
KIND = "default_visibility.updated"


async def choose(running: Running, record: str, *, is_masked: bool = True, who: Someone = HOLDER, **fields: str) -> record_pb2.Record:
    """Choose, and return the record as it then is."""
    request = pb.UpdateDefaultVisibilityRequest(
        **({"request_id": new_request()} | fields), record=record, documents_masked_by_default=is_masked
    )
    with who.calling("/carnet.consent.v1.RecordService/UpdateDefaultVisibility"):
        return (await running.records.UpdateDefaultVisibility(request, CONTEXT)).record


async def refused(call: Any) -> str:  # noqa: ANN401  # a call
    """The reason of a refusal."""
    with pytest.raises(Refusal) as caught:
        await call
    return caught.value.reason


async def masks(running: Running, who: Someone, record: str) -> bool:
    """Whether a permit to deposit obliges to mask."""
    purpose = cast("Any", f"PURPOSE_OF_USE_{who.purpose}")
    request = decisions.DecideRequest(record=record, purpose=purpose, action=decisions.ACTION_DEPOSIT)
    with who.calling():
        answer = await running.decisions.Decide(request, CONTEXT)
    assert answer.HasField("permit"), answer
    return decisions.OBLIGATION_MASK_DEPOSIT in answer.permit.obligations


async def test_whoever_deposits_after_the_choice_is_obliged_to_mask_and_no_longer_once_it_is_taken_back(running: Running) -> None:
    record = await running.open()
    assert not await masks(running, DOCTOR, record)

    began = time.monotonic()
    chosen = await choose(running, record)

    assert time.monotonic() - began >= ACKNOWLEDGED_AFTER.total_seconds(), "no permit to deposit given before can be in hand"
    assert chosen.documents_masked_by_default
    assert {await masks(running, who, record) for who in (DOCTOR, NURSE, INSURER, HOLDER)} == {True}
    read = (await running.decide(DOCTOR, record)).permit
    assert not read.obligations, "reading is as it was"
    with HOLDER.calling():
        assert (await running.records.GetRecord(pb.GetRecordRequest(name=record), CONTEXT)).record == chosen
    assert not (await choose(running, record, is_masked=False, etag=chosen.etag)).documents_masked_by_default
    assert not await masks(running, NURSE, record)


async def test_the_holder_and_a_minors_representative_choose_and_nobody_else(running: Running) -> None:
    record = await running.open()
    give(running)
    assert (await choose(running, record, who=mother())).documents_masked_by_default
    assert await masks(running, mother(), record)

    caregiver = mother("CAREGIVER", mandate_kind="CAREGIVING")
    answers = {who.subject + who.role: await refused(choose(running, record, who=who)) for who in (DOCTOR, OTHER_PERSON, caregiver)}

    assert set(answers.values()) <= {"ROLE_NOT_ALLOWED", "NOT_FOUND", "MANDATE_NOT_IN_FORCE"}, answers


async def test_a_retry_gets_the_first_answer_an_old_etag_none_and_of_two_at_once_one_wins(running: Running) -> None:
    record = await running.open()
    request_id = new_request()
    first = await choose(running, record, request_id=request_id)
    await choose(running, record, is_masked=False)
    assert await choose(running, record, request_id=request_id) == first
    assert await refused(choose(running, record, etag=first.etag)) == "ETAG_MISMATCH"

    with HOLDER.calling():
        etag = (await running.records.GetRecord(pb.GetRecordRequest(name=record), CONTEXT)).record.etag
    answers = await asyncio.gather(*(choose(running, record, etag=etag) for _ in range(2)), return_exceptions=True)

    assert [getattr(one, "reason", "") for one in answers if isinstance(one, Refusal)] == ["ETAG_MISMATCH"]


async def test_the_choice_is_told_in_the_history_once_and_the_same_again_changes_nothing(running: Running) -> None:
    record = await running.open()
    chosen = await choose(running, record)
    assert await choose(running, record) == chosen

    changes, _ = await running.consent.log.unshipped("", 50)
    told = [json_format.Parse(change.event.payload, Event()) for change in changes]
    assert [(one.change, one.record) for one in told if one.kind == KIND] == [("MASQUE_PS=on", record)]


async def test_a_preview_says_that_no_document_that_is_there_changes(running: Running) -> None:
    record = await running.open()

    told = await ask(running, HOLDER, record, documents_masked_by_default=True)
    unchanged = await ask(running, HOLDER, record, documents_masked_by_default=False)

    assert (list(told.changes), told.new_documents_masked, told.HasField("new_documents_masked")) == ([], True, True)
    assert not unchanged.HasField("new_documents_masked")
    assert not await masks(running, DOCTOR, record), "nothing was stored"


async def test_bad_input_names_the_field(running: Running) -> None:
    record = await running.open()
    assert await refused(choose(running, "nonsense")) == "INVALID_FIELD"
    assert await refused(choose(running, record, request_id="no uuid")) == "INVALID_FIELD"
