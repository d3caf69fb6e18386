"""Documents tells consent what was added; who may know is told, once, together, and nobody of what is hidden from him."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

import pytest
from carnet.consent.v1 import access_explanation_service_pb2 as facts_pb
from carnet.consent.v1 import document_notice_service_pb2 as pb
from carnet.consent.v1 import notice_service_pb2 as notice_pb
from carnet.identity.v1 import notice_delivery_service_pb2 as delivery_pb
from carnet_consent.api.document_notices import DocumentNoticeServicer
from carnet_consent.domain.letter_queue import Delivery
from carnet_consent.domain.mandate import Mandate, MandateKind
from carnet_platform.errors import Refusal
from component.consent.conftest import CONTEXT, HOLDER, Running, new_request
from component.consent.letter_writer import writing
from component.consent.test_inbox import ATTENDING, MANDATE, events, give_attending, listed, representative, update
from google.protobuf.timestamp_pb2 import Timestamp

INES, HOSPITAL = "professionals/ines", "structures/hospital"


def told_by(running: Running) -> DocumentNoticeServicer:
    served = next(one for one in running.consent.services if one.name == "carnet.consent.v1.DocumentNoticeService")
    return cast("DocumentNoticeServicer", served.servicer)


def added(running: Running, record: str, name: str = "d", *labels: str, **changed: Any) -> pb.AddedDocument:  # noqa: ANN401
    """A consultation's report."""
    time = Timestamp()
    time.FromDatetime(running.clock.now())
    facts = facts_pb.DocumentFacts(
        name=f"{record}/documents/{name}", document_class="10", document_type="11488-4", visibilities=labels, depositor=INES,
        structure=HOSPITAL,
    )  # fmt: skip
    given: dict[str, Any] = {"document": facts, "depositor": INES, "deposit_time": time} | changed
    return pb.AddedDocument(**given)


async def tell(running: Running, record: str, documents: Sequence[pb.AddedDocument], request_id: str = "") -> None:
    """As documents does; for whom makes no difference."""
    request = pb.TellDocumentsAddedRequest(request_id=request_id or new_request(), record=record, documents=documents)
    with HOLDER.calling("/carnet.consent.v1.DocumentNoticeService/TellDocumentsAdded"):
        await told_by(running).TellDocumentsAdded(request, CONTEXT)


async def refusal_of(call: Any) -> tuple[str, str]:  # noqa: ANN401
    with pytest.raises(Refusal) as refused:
        await call
    return refused.value.reason, refused.value.field


async def test_an_added_document_is_told_once_to_each_who_may_know_and_names_none(running: Running) -> None:
    mother, record = representative(), await running.open()
    running.identity.mandates[MANDATE.name, mother.subject] = MANDATE
    await give_attending(running, record)
    await running.state(HOLDER, record, ATTENDING.subject, "STANDING")
    request, documents = new_request(), [added(running, record)]
    for _ in range(2):
        await tell(running, record, documents, request)
    for who in (HOLDER, mother):
        assert (await events(running, who))[0] == "documents.added"
    assert "documents.added" in await events(running, ATTENDING)
    notice = (await listed(running, HOLDER, language_code="en")).notices[0]
    assert (notice.kind, notice.actor) == (notice_pb.NOTICE_KIND_DOCUMENTS_ADDED, HOSPITAL)
    assert "Hospital added one or more documents to your record." in notice.text
    assert "documents/" not in str(notice)
    async with writing() as (identity, letters):
        job = running.consent.telling.delivering(letters)
        while await job.deliver_one():
            pass
    sent = [one for one in identity.letters.values() if one.letter == delivery_pb.NOTICE_LETTER_NEW_CONTENT]
    assert [(one.patient, one.representatives, one.place_of_care) for one in sent] == [(HOLDER.subject, True, HOSPITAL)]
    assert list(sent[0].channels) == [delivery_pb.NOTICE_CHANNEL_EMAIL, delivery_pb.NOTICE_CHANNEL_PUSH]


async def test_what_follows_within_the_hour_is_one_letter_more_when_it_is_over(running: Running) -> None:
    record = await running.open()
    every = running.consent.telling.documents_every
    begun = running.clock.now()
    running.clock.moved += every - (begun - begun.replace(minute=0, second=0, microsecond=0)) + timedelta(seconds=5)
    for number in range(5):
        await tell(running, record, [added(running, record, f"d{number}{one}") for one in range(20)])
    assert await events(running, HOLDER) == ["documents.added"] * 2
    async with writing() as (identity, letters):
        job = running.consent.telling.delivering(letters)
        assert [await job.deliver_one() for _ in range(2)] == [True, False], "the second waits until the hour is over"
        running.clock.moved += every
        assert [await job.deliver_one() for _ in range(2)] == [True, False]
        assert len(identity.letters) == 2
        await tell(running, record, [added(running, record, "later")])
        assert await job.deliver_one(), "and after it the first is told at once again"
    assert [row["delivery"] async for row in running.database["notices"].find()] == [Delivery.DELIVERED] * 3


async def test_nobody_hears_of_a_document_that_is_hidden_from_him(running: Running) -> None:
    """rules.md 8, 12 and 14."""
    mother, record = representative(), await running.open()
    running.identity.mandates[MANDATE.name, mother.subject] = MANDATE
    await tell(running, record, [added(running, record, "invisible", "INVISIBLE_PATIENT")])
    assert await running.database["notices"].count_documents({}) == 0
    await tell(running, record, [added(running, record, "secret", "INVISIBLE_REPRESENTANTS_LEGAUX")])
    assert (await events(running, HOLDER), await events(running, mother)) == (["documents.added"], [])
    await tell(running, record, [added(running, record, "open")])
    hiding = Mandate(MANDATE.name, MANDATE.holder, MandateKind.ADULT_REPRESENTATION, hidden_structures=(HOSPITAL,))
    assert await events(running, mother) == ["documents.added"]
    running.identity.mandates[MANDATE.name, mother.subject] = hiding
    assert await events(running, mother) == [], "of a place that is hidden from her, nothing"


async def test_letters_about_documents_are_switched_off_by_channel(running: Running) -> None:
    record = await running.open()
    silent = notice_pb.NoticePreference(kind=notice_pb.NOTICE_KIND_DOCUMENTS_ADDED, email=False, push=False)
    after = await update(running, HOLDER, record, silent)
    assert {(one.email, one.push) for one in after.preferences if one.kind == silent.kind} == {(False, False)}
    await tell(running, record, [added(running, record)])
    assert [row["delivery"] async for row in running.database["notices"].find()] == [Delivery.NONE]
    again = notice_pb.NoticePreference(kind=silent.kind, email=True)
    after = await update(running, HOLDER, record, again)
    left_out = [(one.email, one.push) for one in after.preferences if one.kind == silent.kind]
    assert left_out == [(True, False)], "what is left out stays as it is"


async def test_what_breaks_a_rule_is_refused_by_field(running: Running) -> None:
    record = await running.open()
    good = added(running, record)
    elsewhere = added(running, "records/other")
    cases: list[tuple[list[pb.AddedDocument], str]] = [
        ([], "documents"),
        ([good] * 2, "documents"),
        ([added(running, record, f"d{number}") for number in range(201)], "documents"),
        ([elsewhere], "documents.document.name"),
        ([added(running, record, document=facts_pb.DocumentFacts(document_class="10", document_type="x"))], "documents.document.name"),
        ([added(running, record, depositor="")], "documents.depositor"),
        ([added(running, record, depositor="operators/x")], "documents.depositor"),
        ([added(running, record, deposit_time=Timestamp())], "documents.deposit_time"),
    ]
    for documents, field in cases:
        assert await refusal_of(tell(running, record, documents)) == ("INVALID_FIELD", field)
    assert await refusal_of(tell(running, record, [good], "none")) == ("INVALID_FIELD", "request_id")
    assert (await refusal_of(tell(running, "records/other", [elsewhere])))[0] == "NOT_FOUND"
    request = new_request()
    await tell(running, record, [good], request)
    assert (await refusal_of(tell(running, record, [added(running, record, "e")], request)))[0] == "REQUEST_ID_REUSED"
    assert await running.database["notices"].count_documents({}) == 1
