"""A repeated request gets the first answer; the same identifier with another content is refused."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest
from carnet_platform.errors import AlreadyExists, NotFound
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.mongo import Client, Database, Session, ensure_collection, in_transaction
from support.journals import some_keys

pytestmark = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)

ASKED = Asked("/test.Things/Make", "users/a", "6f1f3a0e-9d1c-4a57-9d53-6a0f2a5b8c11", b"content")


async def test_a_new_request_has_no_answer_and_a_repeated_one_the_first(database: tuple[Client, Database]) -> None:
    client, store = database
    requests = await Requests.open(store, some_keys())

    assert await in_transaction(client, lambda session: requests.first_answer(session, ASKED)) is None
    await in_transaction(client, lambda session: requests.remember(session, ASKED, b"answer"))
    assert await in_transaction(client, lambda session: requests.first_answer(session, ASKED)) == b"answer"


@pytest.mark.parametrize("another", [replace(ASKED, method="other"), replace(ASKED, user="other"), replace(ASKED, request_id="other")])
async def test_another_method_user_or_identifier_is_another_request(database: tuple[Client, Database], another: Asked) -> None:
    client, store = database
    requests = await Requests.open(store, some_keys())
    await in_transaction(client, lambda session: requests.remember(session, ASKED, b"answer"))

    assert await in_transaction(client, lambda session: requests.first_answer(session, another)) is None


async def test_the_same_identifier_with_another_content_is_refused(database: tuple[Client, Database]) -> None:
    client, store = database
    requests = await Requests.open(store, some_keys())
    await in_transaction(client, lambda session: requests.remember(session, ASKED, b"answer"))

    with pytest.raises(AlreadyExists) as refusal:
        await in_transaction(client, lambda session: requests.first_answer(session, replace(ASKED, content=b"other content")))
    assert refusal.value.reason == "REQUEST_ID_REUSED"


async def test_twins_at_the_same_moment_do_the_work_once(database: tuple[Client, Database]) -> None:
    client, store = database
    requests = await Requests.open(store, some_keys())
    work = await ensure_collection(store, "work", validator={})

    async def make(number: int, session: Session) -> bytes:
        await work.insert_one({"by": number}, session=session)
        return b"made by %d" % number

    async def ask(number: int) -> bytes:
        return await in_transaction(client, lambda session: requests.once(session, ASKED, partial(make, number)))

    answers = await asyncio.gather(*map(ask, range(6)))

    assert len(set(answers)) == 1
    assert await work.count_documents({}) == 1


async def test_work_that_is_refused_is_not_remembered(database: tuple[Client, Database]) -> None:
    client, store = database
    requests = await Requests.open(store, some_keys())

    async def refuse(session: Session) -> bytes:
        raise NotFound("NOT_FOUND", f"in a transaction: {session.in_transaction}")

    async def work(session: Session) -> bytes:
        del session
        return b"answer"

    with pytest.raises(NotFound):
        await in_transaction(client, lambda session: requests.once(session, ASKED, refuse))
    assert await in_transaction(client, lambda session: requests.once(session, ASKED, work)) == b"answer"


async def test_nothing_of_request_or_answer_is_readable_in_the_store(database: tuple[Client, Database]) -> None:
    client, store = database
    requests = await Requests.open(store, some_keys())
    asked = replace(ASKED, content=b"readable content")
    await in_transaction(client, lambda session: requests.remember(session, asked, b"readable answer"))

    stored = str(await store["requests"].find_one())

    assert "readable" not in stored
    assert all(part not in stored for part in (ASKED.method, ASKED.user, ASKED.request_id))


async def test_answers_are_kept_for_seven_days(database: tuple[Client, Database]) -> None:
    _, store = database
    await Requests.open(store, some_keys())

    indexes = await store["requests"].index_information()

    assert indexes["kept"]["expireAfterSeconds"] == 7 * 24 * 3600
