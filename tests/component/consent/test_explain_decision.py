"""Was somebody allowed to read, on that date, under which text? From what was kept, and never from a guess."""

import asyncio
import json
from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from bson.binary import Binary
from carnet.common.v1 import error_reason_pb2 as reasons
from carnet.consent.v1 import access_explanation_service_pb2 as pb
from carnet.consent.v1 import authorisation_pb2 as statements
from carnet.consent.v1 import authorisation_service_pb2 as authorisations
from carnet_platform.errors import Refusal
from component.consent.conftest import CONTEXT, DOCTOR, HOLDER, NURSE, OTHER_PERSON, Running, Someone, new_request
from google.protobuf.timestamp_pb2 import Timestamp
from support.drivers import AT_LENGTH_ON_BOTH
from support.stores_fixtures import TestStores
from support.tree import ROOT

BOTH_DRIVERS = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
DAY = timedelta(days=1)
BIOLOGY = pb.DocumentFacts(document_class="10", document_type="11502-2")


def reader_of(who: Someone, **changes: object) -> pb.Reader:
    """Somebody as the reader of a question."""
    fields: dict[str, Any] = {"name": who.subject, "role": who.role, "structure": who.structure, "purpose": f"PURPOSE_OF_USE_{who.purpose}"}
    return pb.Reader(**(fields | changes))


def stamp(instant: datetime) -> Timestamp:
    """An instant as a message."""
    message = Timestamp()
    message.FromDatetime(instant)
    return message


async def explain(running: Running, who: Someone, request: pb.ExplainDecisionRequest) -> pb.ExplainDecisionResponse:
    """Ask."""
    with who.calling("/carnet.consent.v1.AccessExplanationService/ExplainDecision"):
        return await running.explanations.ExplainDecision(request, CONTEXT)


async def then(running: Running, record: str, instant: datetime, reader: Someone = NURSE) -> pb.ExplainDecisionResponse:
    """What the holder is told about a reader at an instant."""
    return await explain(running, HOLDER, pb.ExplainDecisionRequest(record=record, reader=reader_of(reader), time=stamp(instant)))


async def reason_of(refused: Awaitable[object]) -> tuple[str, str]:
    """The reason and the field with which a call is refused."""
    with pytest.raises(Refusal) as raised:
        await refused
    return raised.value.reason, raised.value.field


async def last_event(running: Running) -> dict[str, Any]:
    """The event that was journaled last."""
    journal = running.consent.journal
    batches = await journal.store.read(journal.stream.stream, 0, 100)
    return cast("dict[str, Any]", json.loads(batches[-1].events[-1].payload))


async def with_a_past(running: Running) -> tuple[str, list[datetime]]:
    """A record whose holder authorised the nurse, then took it back; and an instant before the record, before, within and after that."""
    before_all = running.clock.now()
    running.clock.moved = timedelta(minutes=1)
    record = await running.open()
    instants = [before_all, running.clock.now()]
    running.clock.moved += DAY
    stated = await running.state(HOLDER, record, NURSE.subject, "STANDING")
    instants.append(running.clock.now())
    running.clock.moved += DAY
    await running.take_back(HOLDER, stated.authorisation.name)
    instants.append(running.clock.now())
    running.clock.moved += DAY
    return record, instants


@BOTH_DRIVERS
async def test_each_instant_is_explained_by_what_was_stated_then(running: Running) -> None:
    record, instants = await with_a_past(running)

    told = [await then(running, record, instant) for instant in instants]

    assert [one.verdict for one in told] == [pb.VERDICT_REFUSED, pb.VERDICT_REFUSED, pb.VERDICT_ALLOWED, pb.VERDICT_REFUSED]
    assert [one.consent_revision for one in told] == [0, 2, 3, 4]
    assert [one.steps[-1].key for one in told] == ["record", "consent-stated", "habilitation", "consent-stated"]
    assert [one.reason for one in told] == [
        reasons.ERROR_REASON_NOT_FOUND,
        reasons.ERROR_REASON_NEEDS_CONSENT,
        reasons.ERROR_REASON_UNSPECIFIED,
        reasons.ERROR_REASON_NEEDS_CONSENT,
    ]
    assert all(one.matrix_version for one in told)
    assert [step.number for step in told[2].steps] == list(range(1, len(told[2].steps) + 1))
    granting = next(step for step in told[2].steps if step.key == "authorisation-of-the-person")
    assert granting.outcome == pb.STEP_OUTCOME_PASSED
    assert "professionnel" in granting.text_fr
    assert "professional" in granting.text_en
    assert granting.source
    assert told[2].history_kept_after_closing.ToTimedelta() > timedelta(days=3652)


async def test_without_an_instant_it_is_explained_as_decide_answers_now(running: Running) -> None:
    record = await running.open()
    await running.state(HOLDER, record, "structures/hospital", "BLOCK")

    for who in (DOCTOR, NURSE):
        told = await explain(running, HOLDER, pb.ExplainDecisionRequest(record=record, reader=reader_of(who)))
        decided = await running.decide(who, record)
        assert told.reason == decided.denial.reason
        assert (told.steps[-1].rule, told.steps[-1].source) == (decided.rule, decided.source)
        assert (told.consent_revision, told.matrix_version) == (decided.consent_revision, decided.matrix_version)


async def test_the_profession_is_the_directorys_where_none_is_stated(running: Running) -> None:
    record = await running.open()
    request = pb.ExplainDecisionRequest(record=record, reader=reader_of(DOCTOR, role=""), document=BIOLOGY)

    told = await explain(running, HOLDER, request)

    assert told.verdict == pb.VERDICT_ALLOWED
    assert told.steps[-1].key == "habilitation-of-the-document"


@pytest.mark.parametrize("database", AT_LENGTH_ON_BOTH, indirect=True)
@pytest.mark.parametrize("damage", ["deleted", "edited", "moved", "redated", "unsealed"])
async def test_a_damaged_history_is_told_and_nothing_is_guessed(running: Running, damage: str) -> None:
    """C8: what an administrator of the store did shows in the explanation of the time it touches, and in no other."""
    record, instants = await with_a_past(running)
    rows = running.database["history"]
    name = f"{record}#{3:012d}"
    row, other = await rows.find_one({"_id": name}), await rows.find_one({"_id": f"{record}#{2:012d}"})
    await rows.delete_one({"_id": name})
    changed = {
        "deleted": None,
        "edited": row | {"consent": Binary(row["consent"].replace(b"STANDING", b"STANDING "))},
        "moved": other | {"_id": name},
        "redated": row | {"start": row["start"] + 3_600_000_000},
        "unsealed": row | {"seal": Binary(b"x" * 32)},
    }[damage]
    if changed is not None:
        await rows.insert_one(changed)

    told = [await then(running, record, instant) for instant in instants]

    assert told[2].verdict == pb.VERDICT_CANNOT_TELL
    assert told[2].steps[-1].key == "history"
    assert told[2].steps[-1].outcome == pb.STEP_OUTCOME_UNKNOWN
    assert told[2].consent_revision == 0
    assert told[3].verdict == pb.VERDICT_REFUSED, "the rest of the chain is whole"
    assert told[1].verdict == pb.VERDICT_CANNOT_TELL, "how long it held hangs on the row that is damaged"


@pytest.mark.parametrize("gone", [[2], [4], [2, 3, 4]])
async def test_rows_gone_from_either_end_are_missed(running: Running, gone: list[int]) -> None:
    record, instants = await with_a_past(running)
    await running.database["history"].delete_many({"_id": {"$in": [f"{record}#{revision:012d}" for revision in gone]}})

    told = [(await then(running, record, instant)).verdict for instant in instants]

    assert told[1 if 2 in gone else 3] == pb.VERDICT_CANNOT_TELL
    if gone == [2, 3, 4]:
        assert set(told) == {pb.VERDICT_CANNOT_TELL}


async def test_a_context_that_refuses_is_told_whatever_was_kept(running: Running) -> None:
    record, instants = await with_a_past(running)
    await running.database["history"].delete_many({})
    reader = reader_of(NURSE, structure="")

    told = await explain(running, HOLDER, pb.ExplainDecisionRequest(record=record, reader=reader, time=stamp(instants[2])))

    assert told.verdict == pb.VERDICT_REFUSED
    assert told.steps[-1].key == "structure-stated"


async def test_before_the_first_edition_of_the_tables_nothing_is_guessed(running: Running) -> None:
    running.clock.moved = -timedelta(days=400)
    record = await running.open()
    opened = running.clock.now()
    running.clock.moved = timedelta()

    told = await then(running, record, opened, DOCTOR)

    assert told.verdict == pb.VERDICT_CANNOT_TELL
    assert (told.steps[-1].key, told.matrix_version) == ("tables", "")


async def test_asking_is_an_event_before_it_is_answered(running: Running) -> None:
    """Promise 1."""
    record = await running.open()
    document = pb.DocumentFacts(name=f"{record}/documents/d", visibilities=["INVISIBLE_REPRESENTANTS_LEGAUX"])
    document.MergeFrom(BIOLOGY)

    await explain(running, HOLDER, pb.ExplainDecisionRequest(record=record, reader=reader_of(NURSE), document=document))

    event = await last_event(running)
    assert (event["kind"], event["record"], event["grantee"]) == ("explanation.asked", record, NURSE.subject)
    assert (event["document"], event["actor"]["subject"]) == (document.name, HOLDER.subject)
    assert event["hidden_from"] == ["representatives"], "what names a minor's secret is as secret"

    await running.consent.journal.close()
    refused = explain(running, HOLDER, pb.ExplainDecisionRequest(record=record, reader=reader_of(NURSE)))
    assert await reason_of(refused) == ("EVENT_NOT_DURABLE", "")


async def test_a_professional_asks_about_himself_alone_and_the_refusal_is_recorded(running: Running) -> None:
    """rules.md 7 and 8."""
    record = await running.open()
    himself = pb.ExplainDecisionRequest(record=record, reader=reader_of(NURSE), document=BIOLOGY)
    before = running.consent.journal.next_seq

    told = await explain(running, NURSE, himself)
    assert (told.verdict, told.reason) == (pb.VERDICT_REFUSED, reasons.ERROR_REASON_NEEDS_CONSENT)
    about_another = explain(running, NURSE, pb.ExplainDecisionRequest(record=record, reader=reader_of(DOCTOR)))
    assert await reason_of(about_another) == ("ROLE_NOT_ALLOWED", "")
    himself.document.name = f"{record}/documents/d"
    assert await reason_of(explain(running, NURSE, himself)) == ("INVALID_FIELD", "document")

    assert running.consent.journal.next_seq == before + 2
    assert (await last_event(running))["kind"] == "access.refused"


async def test_somebody_elses_record_is_absent_and_a_withdrawn_session_learns_nothing(running: Running) -> None:
    record = await running.open()
    request = pb.ExplainDecisionRequest(record=record, reader=reader_of(NURSE))

    assert await reason_of(explain(running, OTHER_PERSON, request)) == ("NOT_FOUND", "")
    nowhere = pb.ExplainDecisionRequest(record="records/none", reader=reader_of(NURSE))
    assert await reason_of(explain(running, OTHER_PERSON, nowhere)) == ("NOT_FOUND", "")
    assert await reason_of(explain(running, HOLDER, nowhere)) == ("NOT_FOUND", "")


@pytest.mark.parametrize("seconds", [2_000_000_000_000, 4_000_000_000])
async def test_what_is_still_to_come_is_not_explained(running: Running, seconds: int) -> None:
    record = await running.open()
    request = pb.ExplainDecisionRequest(record=record, reader=reader_of(NURSE), time=Timestamp(seconds=seconds))

    assert await reason_of(explain(running, HOLDER, request)) == ("INVALID_FIELD", "time")


@BOTH_DRIVERS
async def test_changes_at_the_same_time_leave_one_chain(running: Running) -> None:
    record = await running.open()
    await asyncio.gather(*(running.state(HOLDER, record, f"professionals/p{number}", "STANDING") for number in range(6)))

    rows = [row async for row in running.database["history"].find({"record": record}).sort("_id", 1)]

    assert [row["previous"] for row in rows] == [0, *range(2, 8)]
    assert (await then(running, record, running.clock.now())).verdict == pb.VERDICT_REFUSED


async def test_a_repeated_request_keeps_no_second_state(running: Running) -> None:
    record = await running.open()
    stated = statements.Authorisation(grantee=NURSE.subject, kind=statements.AUTHORISATION_KIND_STANDING)
    request = authorisations.CreateAuthorisationRequest(request_id=new_request(), parent=record, authorisation=stated)

    with HOLDER.calling("/carnet.consent.v1.AuthorisationService/CreateAuthorisation"):
        for _ in range(2):
            await running.authorisations.CreateAuthorisation(request, CONTEXT)

    assert await running.database["history"].count_documents({"record": record}) == 2


async def test_a_store_that_hangs_explains_nothing(running: Running, stores: TestStores) -> None:
    record = await running.open()
    assert stores.mongod is not None
    stores.mongod.stop()
    try:
        assert (await reason_of(then(running, record, running.clock.now())))[0] == "DEPENDENCY_UNAVAILABLE"
    finally:
        stores.mongod.cont()


SIGNS = {pb.STEP_OUTCOME_PASSED: "yes", pb.STEP_OUTCOME_DID_NOT_APPLY: "--", pb.STEP_OUTCOME_REFUSED: "NO"}


async def test_the_example_of_the_walkthrough_is_what_is_answered(running: Running) -> None:
    record, instants = await with_a_past(running)
    masked = pb.DocumentFacts(name=f"{record}/documents/d", visibilities=["MASQUE_PS"], depositor="professionals/other")
    masked.MergeFrom(BIOLOGY)
    request = pb.ExplainDecisionRequest(record=record, reader=reader_of(NURSE), document=masked, time=stamp(instants[2]))

    told = await explain(running, HOLDER, request)

    page = (ROOT / "docs/walkthroughs/explain-a-decision.md").read_text()
    for language in ("text_en", "text_fr"):
        lines = [f"{step.number:2}  {SIGNS[step.outcome]:3}  {getattr(step, language)}" for step in told.steps]
        assert "\n".join(lines) in page, "\n".join(lines)
    assert f"{told.steps[-1].rule} ({told.steps[-1].source})" in page.replace("\n", " ")
