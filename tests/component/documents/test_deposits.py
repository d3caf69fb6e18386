"""Deposits: kept whole with their event, or not at all."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from carnet.common.v1 import error_reason_pb2 as reasons
from carnet.documents.v1 import document_entry_pb2 as entry_pb
from carnet.documents.v1 import submission_service_pb2 as submission_pb
from carnet.identity.v1 import patient_pb2 as identity_pb
from component.documents.conftest import Documents
from component.documents.harness import RECORD, told
from component.documents.neighbours import allow, deny
from support.cda import Cda, pdf
from support.waiting import eventually

both_drivers = pytest.mark.parametrize("documents", ["motor", "pymongo"], indirect=True)


async def refused(work: Any) -> tuple[str, str, str]:  # noqa: ANN401  # a call
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await work
    return told(error.value)


async def count(documents: Documents) -> tuple[int, int, int]:
    """Documents, chunks and changes that are stored."""
    store = await documents.store()
    return (
        await store.documents.count_documents({}),
        await store.chunks.count_documents({}),
        await store.changes.count_documents({}),
    )


@both_drivers
async def test_what_is_deposited_is_read_byte_for_byte(documents: Documents) -> None:
    client = documents.client()
    for size in (100_000, 1024 * 1024, 2_500_000):
        large = Cda(filler=os.urandom(size // 2).hex(), unique_id=f"1.2.{size}").render()
        assert (await client.read((await client.submit(large)).entry.name))[1] == large
    content = Cda().render()

    receipt = await client.submit(content)
    entry, read = await client.read(receipt.entry.name)

    assert read == content
    assert entry == receipt.entry
    assert (entry.type.code, getattr(entry, "class").code, entry.size) == ("11488-4", "10", len(content))
    assert (entry.depositor, entry.unique_id) == ("professionals/ines", "1.2.250.1.999.1.1")
    assert not receipt.warnings
    await eventually(lambda: [event.kind for event in documents.audit.changes] == ["document.deposited"] * 4)
    await eventually(lambda: documents.audit.kinds() == ["document.read"] * 4)
    assert documents.audit.events[3].document_title == "Compte rendu de consultation"
    assert documents.audit.events[3].document == entry.name


async def test_the_same_bytes_again_are_known_and_kept_once(documents: Documents) -> None:
    first = await documents.client().submit(Cda().render())
    again = await documents.client(sub="professionals/other").submit(Cda().render())

    assert again.already_deposited
    assert not first.already_deposited
    for output in ("availability_status", "depositor", "etag"):
        first.entry.ClearField(output)
    assert again.entry == first.entry
    assert (await count(documents))[0] == 1


@both_drivers
async def test_depositing_again_tells_nothing_of_what_has_become_of_the_document(documents: Documents) -> None:
    """C5: a colleague who may not read learns neither that it was masked nor by what it was replaced; and it is on record."""
    client, content = documents.client(), Cda().render()
    first = (await client.submit(content)).entry
    await client.submit(Cda(unique_id="1.2.9", replaces=first.unique_id).render())
    documents.consent.answers[1] = deny(reasons.ERROR_REASON_BLOCKED)
    colleague = documents.client(sub="professionals/other")
    before = (await colleague.submit(content)).entry
    await documents.clara().mask(first.name)

    again = await colleague.submit(content, visibilities=[entry_pb.VISIBILITY_HIDDEN_FROM_REPRESENTATIVES])

    assert (again.already_deposited, again.entry.name, again.entry.deposit_time) == (True, first.name, first.deposit_time)
    assert list(again.entry.visibilities) == [entry_pb.VISIBILITY_HIDDEN_FROM_REPRESENTATIVES]
    assert (again.entry.availability_status, again.entry.replaced_by, again.entry.etag, again.entry.depositor) == (0, "", "", "")
    again.entry.ClearField("visibilities")
    assert again.entry == before
    repeated = "document.deposit_repeated"
    await eventually(lambda: documents.audit.kinds() == [repeated, "document.entry_read", repeated])
    assert (documents.audit.events[2].document, documents.audit.events[2].actor.subject) == (first.name, "professionals/other")


async def test_a_repeated_deposit_is_not_told_when_it_cannot_be_recorded(documents: Documents) -> None:
    """Promise 1."""
    client = documents.client()
    await client.submit(Cda().render())
    store = await documents.store()
    await store.command("collMod", "journal", validator={"nothing_is_ever": {"$exists": True}})

    assert (await refused(client.submit(Cda().render())))[1] == "EVENT_NOT_DURABLE"


@both_drivers
async def test_equal_deposits_at_once_are_kept_once(documents: Documents) -> None:
    client, content = documents.client(), Cda(filler="x" * 1_500_000).render()

    receipts = await asyncio.gather(*(client.submit(content) for _ in range(4)))

    assert {receipt.entry.name for receipt in receipts} == {receipts[0].entry.name}
    assert sorted(receipt.already_deposited for receipt in receipts) == [False, True, True, True]
    assert (await client.read(receipts[0].entry.name))[1] == content


@both_drivers
async def test_deposits_of_one_record_at_once_each_get_their_revision(documents: Documents) -> None:
    client = documents.client()

    await asyncio.gather(*(client.submit(Cda(unique_id=f"1.2.{number}").render()) for number in range(8)))

    store = await documents.store()
    assert sorted([change["revision"] async for change in store.changes.find()]) == list(range(1, 9))


async def test_other_bytes_under_the_same_identifier_are_refused(documents: Documents) -> None:
    client = documents.client()
    await client.submit(Cda().render())

    assert (await refused(client.submit(Cda(title="Autre").render())))[:2] == ("ALREADY_EXISTS", "UNIQUE_ID_REUSED")
    other = await documents.client(sub="professionals/bruno", org="structures/other").submit(Cda(title="Autre").render())
    assert not other.already_deposited


WRONG: list[tuple[bytes, dict[str, Any], tuple[str, str]]] = [
    (Cda(family_name="AUTRE").render(), {}, ("FAILED_PRECONDITION", "DOCUMENT_OF_ANOTHER_PATIENT")),
    (b"<stylesheet/>", {}, ("INVALID_ARGUMENT", "NOT_A_CLINICAL_DOCUMENT")),
    (Cda(prolog="<!DOCTYPE x>").render(), {}, ("INVALID_ARGUMENT", "XML_REFUSED")),
    (Cda(type_code="0-0").render(), {}, ("INVALID_ARGUMENT", "DOCUMENT_TYPE_UNKNOWN")),
    (Cda().render(), {"title": "Autre"}, ("INVALID_ARGUMENT", "ENTRY_CONTRADICTS_HEADER")),
    (Cda().render(), {"mime_type": "application/pdf"}, ("INVALID_ARGUMENT", "DOCUMENT_TYPE_DISGUISED")),
    (Cda().render(), {"mime_type": "application/zip"}, ("INVALID_ARGUMENT", "DOCUMENT_FORMAT_NOT_ACCEPTED")),
    (Cda().render(), {"visibilities": [1, 2]}, ("INVALID_ARGUMENT", "VISIBILITY_INVALID")),
    (
        pdf(),
        {"mime_type": "application/pdf", "type": entry_pb.Code(code="11488-4"), "title": "t"},
        ("INVALID_ARGUMENT", "DOCUMENT_FORMAT_NOT_ACCEPTED"),
    ),
]


async def test_a_wrong_deposit_is_refused_recorded_and_leaves_nothing(documents: Documents) -> None:
    client = documents.client()
    for content, fields, expected in WRONG:
        assert (await refused(client.submit(content, **fields)))[:2] == expected

    assert await count(documents) == (0, 0, 0)
    every = {("document.deposit_refused", expected[1]) for _, _, expected in WRONG}
    await eventually(lambda: {(event.kind, event.reason) for event in documents.audit.events} == every)


@both_drivers
async def test_half_a_document_leaves_nothing(documents: Documents) -> None:
    client, content = documents.client(), Cda(filler="x" * 1_500_000).render()

    assert (await refused(client.submit(content, sent=len(content) // 2)))[1] == "DOCUMENT_INCOMPLETE"
    assert (await refused(client.submit(content, size=len(content) - 1)))[1] == "INVALID_FIELD"
    assert (await refused(client.submit(b"", size=0)))[1] == "DOCUMENT_EMPTY"
    assert (await refused(client.submit(content, size=6 * 1024 * 1024)))[1] == "DOCUMENT_TOO_LARGE"
    assert await count(documents) == (0, 0, 0)


async def test_senders_who_stall_keep_nobody_else_out_and_lose_their_place(documents: Documents) -> None:
    """Three deposits of 5 MB are a software's share; none of them comes."""
    size, stalled = 5 * 1024 * 1024, asyncio.Event()

    async def stalling() -> AsyncIterator[submission_pb.SubmitDocumentRequest]:
        header = submission_pb.SubmitDocumentRequest.Header(parent=RECORD, entry=entry_pb.DocumentEntry(mime_type="text/xml"), size=size)
        yield submission_pb.SubmitDocumentRequest(header=header)
        await stalled.wait()

    client = documents.client()
    calls = [client.submission.SubmitDocument(stalling(), metadata=client.metadata, timeout=20) for _ in range(3)]
    await eventually(lambda: len(documents.consent.asked) > 0)
    async with asyncio.timeout(5):
        while (await refused(client.submit(Cda().render(), size=size)))[1] != "RATE_LIMITED":
            pass
        hospital = documents.client("software/hospital", act={"sub": "spiffe://carnet/software/hospital"})
        assert (await hospital.submit(Cda().render())).entry.name
        assert [(await refused(call))[1] for call in calls] == ["DOCUMENT_INCOMPLETE"] * 3
    stalled.set()
    assert (await client.submit(Cda().render())).already_deposited


@pytest.mark.parametrize("is_told", [True, False])
async def test_nothing_is_deposited_for_somebody_whose_identity_is_not_qualified_any_more(documents: Documents, *, is_told: bool) -> None:
    """domain.md 1.1 (RNIV): only a qualified identity is fed, whether identity tells with the comparison or is asked."""
    client, identity = documents.client(), documents.identity
    identity.is_of_an_earlier_version = not is_told
    assert (await client.submit(Cda().render())).entry.name
    hers: dict[str, Any] = {"mime_type": "application/pdf", "type": entry_pb.Code(code="EXPPAT_1"), "title": "t"}
    for status in (identity_pb.IDENTITY_STATUS_RETRIEVED, identity_pb.IDENTITY_STATUS_VALIDATED):
        identity.status = status
        for deposit in (client.submit(Cda(unique_id="1.2.3").render()), documents.clara().submit(pdf(), **hers)):
            assert (await refused(deposit))[:2] == ("FAILED_PRECONDITION", "IDENTITY_NOT_QUALIFIED")
    assert (await count(documents))[0] == 1


async def test_a_header_under_a_former_ins_is_refused_and_says_so(documents: Documents) -> None:
    """domain.md 1.1: kept as history, not usable for a new deposit."""
    documents.identity.former_ins = "277076322082910"
    code, reason, message = await refused(documents.client().submit(Cda(ins="277076322082910").render()))
    assert (code, reason) == ("FAILED_PRECONDITION", "DOCUMENT_OF_ANOTHER_PATIENT")
    assert "bore before" in message


async def test_a_class_that_is_not_the_users_is_refused(documents: Documents) -> None:
    documents.consent.answers[2] = allow(classes=["10"])

    answer = await refused(documents.client().submit(Cda(type_code="REMB").render()))
    assert answer[:2] == ("PERMISSION_DENIED", "CLASS_NOT_DEPOSITABLE")


async def test_a_denial_is_told_with_its_reason_and_recorded_once_a_minute(documents: Documents) -> None:
    documents.consent.answers[2] = deny(reasons.ERROR_REASON_RECORD_CLOSED)
    client = documents.client()

    for _ in range(3):
        assert (await refused(client.submit(Cda().render())))[1:] == ("RECORD_CLOSED", "ask your patient")
    await eventually(lambda: len(documents.audit.events) == 1)
    assert (documents.audit.events[0].reason, documents.audit.events[0].record) == ("RECORD_CLOSED", RECORD)


async def test_what_is_dirty_and_harmless_is_kept_with_a_warning(documents: Documents) -> None:
    content = Cda(author_number="810000000018", replaces="1.2.250.1.999.9", given_names="CLARA").render()

    receipt = await documents.client().submit(content)
    again = await documents.client().submit(content)

    codes = ["AUTHOR_IDENTIFIER_INVALID", "GIVEN_NAMES_DIFFERS", "REPLACED_DOCUMENT_ABSENT"]
    assert [warning.code for warning in receipt.warnings] == codes
    assert [warning.code for warning in again.warnings] == codes


@both_drivers
async def test_a_replacement_deprecates_its_parent_and_inherits_its_visibility(documents: Documents) -> None:
    client = documents.client()
    parent = (await client.submit(Cda().render(), visibilities=[entry_pb.VISIBILITY_MASKED_FROM_PROFESSIONALS])).entry
    child_bytes = Cda(unique_id="1.2.250.1.999.1.2", replaces=parent.unique_id).render()

    child = await client.submit(child_bytes)
    again = await client.submit(child_bytes)

    assert not child.warnings
    assert again.entry.name == child.entry.name
    assert list(child.entry.visibilities) == [entry_pb.VISIBILITY_MASKED_FROM_PROFESSIONALS]
    old = await client.get(parent.name)
    assert (old.availability_status, old.replaced_by) == (entry_pb.AVAILABILITY_STATUS_DEPRECATED, child.entry.name)
    assert old.etag != parent.etag
    third = Cda(unique_id="1.2.250.1.999.1.3", replaces=parent.unique_id).render()
    assert (await refused(client.submit(third)))[1] == "STATE_FORBIDS"
    named = await client.submit(Cda(unique_id="1.2.250.1.999.1.4").render(), replaces=child.entry.name)
    assert named.entry.replaces == child.entry.name
    assert [entry.name for entry in (await client.search()).entries] == [named.entry.name]


async def test_anothers_document_cannot_be_replaced_nor_told_from_an_absent_one(documents: Documents) -> None:
    """C5."""
    parent = (await documents.client().submit(Cda().render())).entry
    other = documents.client(sub="professionals/bruno", org="structures/other")

    receipt = await other.submit(Cda(unique_id="1.2.9", replaces=parent.unique_id).render())

    assert [warning.code for warning in receipt.warnings] == ["REPLACED_DOCUMENT_ABSENT"]
    assert (await other.get(parent.name)).availability_status == entry_pb.AVAILABILITY_STATUS_APPROVED


async def test_the_patient_deposits_a_plain_file(documents: Documents) -> None:
    clara = documents.clara()
    fields: dict[str, Any] = {"mime_type": "application/pdf", "type": entry_pb.Code(code="EXPPAT_3"), "title": "Directives"}
    documents.consent.answers[2] = allow(classes=["90"])

    receipt = await clara.submit(pdf(), **fields)
    again = await clara.submit(pdf(), **fields)

    assert again.already_deposited
    assert receipt.entry.unique_id.startswith("2.25.")
    assert not documents.identity.compared


@both_drivers
async def test_dead_uploads_are_swept_and_cannot_come_back(documents: Documents) -> None:
    """R3."""
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415  # only here

    from carnet_documents.storage.chunks import Chunks  # noqa: PLC0415  # only here

    store = await documents.store()
    chunks = await Chunks.open(store)
    now = datetime.now(UTC)
    await store.uploads.insert_one({"_id": "dead", "record": "r", "started": now - timedelta(minutes=1), "abandoned": False})
    await store.chunks.insert_one({"_id": "dead/0000", "document": "dead", "content": b"x"})
    await store.uploads.insert_one({"_id": "live", "record": "r", "started": now, "abandoned": False})

    assert await chunks.sweep(now) == 1
    assert [upload["_id"] async for upload in store.uploads.find()] == ["live"]
    assert await store.chunks.count_documents({}) == 0
