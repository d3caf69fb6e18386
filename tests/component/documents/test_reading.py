"""Reading and searching: nothing leaves before its event is durable, nothing after the permit ended, nothing hidden shows."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import grpc
import pytest
from carnet.common.v1 import error_reason_pb2 as reasons
from carnet.common.v1.purpose_of_use_pb2 import PURPOSE_OF_USE_BREAK_GLASS
from carnet.documents.v1 import document_query_service_pb2 as query_pb
from component.documents.conftest import Documents
from component.documents.harness import RECORD, Client, names, told
from component.documents.neighbours import allow, deny
from support.cda import Cda
from support.waiting import elapsed, eventually, eventually_answers

PERMITS_ENDED = 0.5
"""Seconds after which no permit given before can be in hand (400 ms)."""

both_drivers = pytest.mark.parametrize("documents", ["motor", "pymongo"], indirect=True)
SECRET = "CANARI"  # noqa: S105  # it must be found nowhere


async def refused(work: Any) -> tuple[str, str, str]:  # noqa: ANN401  # a call
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await work
    return told(error.value)


async def drain(call: Any, parts: list[bytes]) -> None:  # noqa: ANN401  # a call
    """Add the bytes of a running read to ``parts``."""
    while (message := await call.read()) is not grpc.aio.EOF:
        parts.append(message.chunk)


async def deposit(client: Client, count: int) -> list[str]:
    """Names of ``count`` new documents, newest first."""
    found = []
    for number in range(count):
        content = Cda(unique_id=f"1.2.{number}", effective_time=f"2026030{number + 1}", title=f"Document {number}").render()
        found.append((await client.submit(content)).entry.name)
    return found[::-1]


@both_drivers
async def test_masked_is_word_for_word_absent_except_to_its_depositor(documents: Documents) -> None:
    """C5."""
    depositor, other, clara = documents.client(), documents.client(sub="professionals/bruno"), documents.clara()
    first, second = await deposit(depositor, 2)
    etag = (await clara.get(first)).etag
    documents.consent.answers[1] = allow(all_types=True, excluded_visibilities=["MASQUE_PS"])
    before = await other.search()

    began = time.monotonic()
    masked = await clara.mask(first, etag=etag)
    assert time.monotonic() - began >= 0.505

    assert masked.etag != etag
    absent = f"{RECORD}/documents/aaaaaaaaaaaaaaaaaaaaaaaaaa"
    for ask in (other.get, other.read):
        assert await refused(ask(first)) == await refused(ask(absent)) == ("NOT_FOUND", "NOT_FOUND", "there is no such document")
    assert (names(before.entries), names((await other.search()).entries)) == ([first, second], [second])
    assert not (await other.search(unique_id="1.2.1")).entries
    documents.consent.answers[1] = allow(all_types=True, excluded_visibilities=["MASQUE_PS"], own_professional="professionals/ines")

    async def depositor_sees_it() -> bool:
        try:
            return (await documents.client(jti="new").get(first)).name == first
        except grpc.aio.AioRpcError:
            return False

    await eventually_answers(depositor_sees_it, timedelta(seconds=1))
    await clara.unmask(first)
    assert names((await other.search()).entries) == [first, second]
    await eventually(lambda: [event.kind for event in documents.audit.changes][2:] == ["document.masked", "document.unmasked"])
    await eventually(lambda: "access.refused" in documents.audit.kinds())
    lines = [event for event in documents.audit.events if event.kind == "access.refused"]
    assert {(event.document, event.document_title) for event in lines} == {("", "")}


async def test_calls_without_a_user_are_recorded_in_nobodys_history_and_counted(documents: Documents) -> None:
    """A5, S1: the operators' stream."""
    client = documents.client()
    client.metadata = []
    for _ in range(5):
        assert (await refused(client.get(f"{RECORD}/documents/a")))[1] == "TOKEN_MISSING"
    # The stream keeps its order: what comes after them arrives after them.
    await documents.client().search()
    await eventually(lambda: "documents.searched" in documents.audit.kinds())
    (event,) = [event for event in documents.audit.events if event.reason == "TOKEN_MISSING"]
    assert event.kind == "call.refused"
    assert (event.record, event.actor.subject, event.actor.software) == ("", "", "spiffe://carnet/software/gp")
    assert (event.decision, event.count, len(event.trace_id)) == ("deny", 0, 32)


@both_drivers
async def test_a_retry_of_a_masking_gets_the_first_answer(documents: Documents) -> None:
    (name,) = await deposit(documents.client(), 1)
    clara, request_id = documents.clara(), "0b6f3a52-7e37-4d0e-9f60-2f6b8f0d8a11"

    first = await clara.mask(name, request_id=request_id)
    again = await clara.mask(name, request_id=request_id)

    assert again == first
    assert (await refused(clara.mask(name + "x", request_id=request_id)))[1] in {"REQUEST_ID_REUSED", "NOT_FOUND"}
    assert (await refused(clara.mask(name, etag="0")))[1] == "ETAG_MISMATCH"
    assert len(await _changes(documents)) == 2


async def _changes(documents: Documents) -> list[Any]:
    store = await documents.store()
    return [change async for change in store.changes.find()]


@both_drivers
async def test_pages_follow_each_other_newest_first_and_hide_what_is_hidden(documents: Documents) -> None:
    client = documents.client()
    every = await deposit(client, 7)
    documents.consent.answers[1] = allow(all_types=True, hidden_documents=[every[2]])
    client = documents.client(jti="second")
    visible = [name for name in every if name != every[2]]

    seen, token = [], ""
    for _ in range(3):
        page = await client.search(page_size=2, page_token=token)
        seen += names(page.entries)
        token = page.next_page_token
    assert (seen, token) == (visible, "")
    page = await client.search(page_size=2)
    for other in ({"classes": ["10"]}, {"parent": "records/other"}):
        assert (await refused(client.search(page_token=page.next_page_token, **other)))[1] == "PAGE_TOKEN_INVALID"
    assert (await refused(documents.clara().search(page_token=page.next_page_token)))[1] == "PAGE_TOKEN_INVALID"
    assert (await refused(client.search(page_token="x")))[1] == "PAGE_TOKEN_INVALID"  # noqa: S106  # no secret
    assert not (await client.search(classes=["11"])).entries
    assert len((await client.search(types=["11488-4"], unique_id="1.2.3")).entries) == 1


async def test_the_purpose_must_be_the_tokens(documents: Documents) -> None:
    request = query_pb.GetDocumentRequest(name=f"{RECORD}/documents/x", purpose=PURPOSE_OF_USE_BREAK_GLASS)
    client = documents.client()

    assert (await refused(client.query.GetDocument(request, metadata=client.metadata)))[1] == "PURPOSE_NOT_ALLOWED"


async def test_a_denied_reader_is_told_why_and_recorded(documents: Documents) -> None:
    (name,) = await deposit(documents.client(), 1)
    documents.consent.answers[1] = deny(reasons.ERROR_REASON_NEEDS_CONSENT)

    assert (await refused(documents.client().read(name))) == ("PERMISSION_DENIED", "NEEDS_CONSENT", "ask your patient")
    await eventually(lambda: documents.audit.kinds() == ["access.refused"])


async def test_a_made_up_record_stands_in_no_event_however_many_are_made_up(documents: Documents) -> None:
    """S4, A5: guesses are counted together, and what a guess spells is written nowhere."""
    documents.consent.answers[1] = deny(reasons.ERROR_REASON_NOT_FOUND, is_known=False)
    for guess in range(20):
        with pytest.raises(grpc.aio.AioRpcError):
            await documents.client().get(f"records/guess{guess}/documents/{guess}")
    await eventually(lambda: documents.audit.kinds() == ["access.refused"])
    assert [(event.record, event.reason) for event in documents.audit.events] == [("", "NOT_FOUND")]


async def test_a_permit_serves_until_it_ends_and_a_denial_is_never_kept(documents: Documents) -> None:
    client = documents.client()
    (name,) = await deposit(client, 1)
    asked = len(documents.consent.asked)

    await asyncio.gather(*(client.read(name) for _ in range(10)))
    assert len(documents.consent.asked) - asked < 10
    documents.consent.answers[1] = deny(reasons.ERROR_REASON_BLOCKED)

    async def is_blocked() -> bool:
        try:
            await client.read(name)
        except grpc.aio.AioRpcError:
            return (await refused(client.read(name)))[1] == "BLOCKED"
        return False

    await eventually_answers(is_blocked, timedelta(seconds=1))
    documents.consent.answers[1] = allow()
    assert (await client.read(name))[1]


@pytest.mark.parametrize("change", ["deny", "hide"])
async def test_a_withdrawn_permit_ends_the_stream_and_is_recorded(documents: Documents, change: str) -> None:
    """C4."""
    client = documents.client()
    content = Cda(filler="x" * 4_000_000).render()
    name = (await client.submit(content)).entry.name
    call = client.reading(name)
    received = len((await call.read()).chunk)

    answers = {"deny": deny(reasons.ERROR_REASON_BLOCKED), "hide": allow(all_types=True, hidden_documents=[name])}
    documents.consent.answers[1] = answers[change]
    await elapsed(PERMITS_ENDED)
    rest: list[bytes] = []
    assert (await refused(drain(call, rest)))[:2] == ("ABORTED", "PERMIT_WITHDRAWN")
    received += sum(map(len, rest))
    assert received < len(content)
    await eventually(lambda: documents.audit.kinds() == ["document.read", "release.withdrawn"])


async def test_a_permit_renewed_meanwhile_goes_on(documents: Documents) -> None:
    client = documents.client()
    content = Cda(filler="x" * 3_000_000).render()
    name = (await client.submit(content)).entry.name
    call = client.reading(name)
    parts = [(await call.read()).chunk]

    await elapsed(PERMITS_ENDED)
    await drain(call, parts)
    assert b"".join(parts) == content


async def test_no_byte_leaves_when_the_event_cannot_be_durable(documents: Documents) -> None:
    """Promise 1: the store hangs between the find and the event."""
    client = documents.client()
    (name,) = await deposit(client, 1)
    await client.read(name)
    mongod = documents.stores.mongod
    assert mongod is not None
    mongod.stop()
    try:
        call = client.reading(name, timeout=4)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call.read()
    finally:
        mongod.cont()
    assert error.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}


async def test_no_byte_leaves_when_only_the_journal_fails(documents: Documents) -> None:
    """Promise 1: the document was found; the write of its event is refused by the store."""
    client = documents.client()
    (name,) = await deposit(client, 1)
    await client.read(name)
    store = await documents.store()
    await store.command("collMod", "journal", validator={"nothing_is_ever": {"$exists": True}})
    call = client.reading(name, timeout=3)

    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call.read()
    assert error.value.code() == grpc.StatusCode.UNAVAILABLE
    assert told(error.value)[1] == "EVENT_NOT_DURABLE"


@both_drivers
async def test_dumps_of_the_databases_hold_no_plaintext(documents: Documents) -> None:
    """S9."""
    client = documents.client()
    content = Cda(title=f"{SECRET} titre", filler=f"{SECRET} contenu", unique_id="1.2.250.77.7777").render()
    name = (await client.submit(content)).entry.name
    large = Cda(filler=f"{SECRET} " * 200_000, unique_id="1.2.250.77.8888", title=SECRET).render()
    await client.submit(large)
    await client.read(name)
    await client.search()
    await documents.clara().mask(name)

    store = await documents.store()
    dump = ""
    for collection in await store.list_collection_names():
        dump += "".join([str(document) async for document in store[collection].find()])
    assert "document" in dump
    for canary in (SECRET, "ESSAI", "1.2.250.77", "285067505600", "810000000017", "professionals/ines", "structures/cabinet"):
        assert canary not in dump, canary


@both_drivers
async def test_what_was_edited_in_the_database_is_never_released(documents: Documents) -> None:
    """S9, C8: labels, blobs, keys and places."""
    client = documents.client()
    first, second = await deposit(client, 2)
    store = await documents.store()
    one, two = [await store.documents.find_one({"_id": name.rsplit("/", 1)[1]}) for name in (first, second)]

    for edit in ({"masked": True}, {"class": "11"}, {"depositor": b"x"}, {"version": 7}, {"seal": two["seal"]}):
        await store.documents.update_one({"_id": one["_id"]}, {"$set": edit})
        assert (await refused(client.read(first)))[1] == "NOT_FOUND"
        assert names((await client.search()).entries) == [second]
        await store.documents.replace_one({"_id": one["_id"]}, one)
    for field in ("content", "metadata", "key"):
        await store.documents.update_one({"_id": one["_id"]}, {"$set": {field: two[field]}})
        assert (await refused(client.read(first)))[1] == "INTERNAL"
        await store.documents.update_one({"_id": one["_id"]}, {"$set": {field: one[field][:-1]}})
        assert (await refused(client.read(first)))[1] == "INTERNAL"
        await store.documents.replace_one({"_id": one["_id"]}, one)
    await eventually(lambda: documents.audit.kinds().count("document.unreadable") == 6)
    assert "document.read" not in documents.audit.kinds()


async def test_a_link_does_not_tell_of_a_hidden_successor(documents: Documents) -> None:
    """C5, rules.md 12: what replaced a document and is hidden is not named by it."""
    client = documents.client()
    parent = (await client.submit(Cda().render())).entry
    child = (await client.submit(Cda(unique_id="1.2.9", replaces=parent.unique_id).render())).entry
    assert (await client.get(parent.name)).replaced_by == child.name

    documents.consent.answers[1] = allow(all_types=True, hidden_documents=[child.name])
    other = documents.client(sub="professionals/bruno")
    assert (await other.get(parent.name)).replaced_by == ""
    found = await other.search(availability_statuses=[1, 2])
    assert [(entry.name, entry.replaced_by) for entry in found.entries] == [(parent.name, "")]
