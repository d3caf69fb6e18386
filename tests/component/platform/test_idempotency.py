"""A repeated request gets the first answer; the same identifier with another content is refused."""

import asyncio
from functools import partial

import pytest
from carnet_platform.errors import AlreadyExists
from carnet_platform.idempotency import Requests
from carnet_platform.mongo import Client, Database, Session, ensure_collection, in_transaction
from support.journals import some_keys

pytestmark = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)

WHO = ("/test.Things/Make", "users/a", "6f1f3a0e-9d1c-4a57-9d53-6a0f2a5b8c11")


async def test_a_new_request_has_no_answer_and_a_repeated_one_the_first(database: tuple[Client, Database]) -> None:
    client, store = database
    requests = await Requests.open(store, some_keys())

    assert await in_transaction(client, lambda session: requests.first_answer(session, *WHO, b"content")) is None
    await in_transaction(client, lambda session: requests.remember(session, *WHO, b"content", b"answer"))
    assert await in_transaction(client, lambda session: requests.first_answer(session, *WHO, b"content")) == b"answer"


@pytest.mark.parametrize("changed", [0, 1, 2])
async def test_another_method_user_or_identifier_is_another_request(database: tuple[Client, Database], changed: int) -> None:
    client, store = database
    requests = await Requests.open(store, some_keys())
    await in_transaction(client, lambda session: requests.remember(session, *WHO, b"content", b"answer"))
    method, user, request_id = ("other" if place == changed else part for place, part in enumerate(WHO))

    assert await in_transaction(client, lambda session: requests.first_answer(session, method, user, request_id, b"content")) is None


async def test_the_same_identifier_with_another_content_is_refused(database: tuple[Client, Database]) -> None:
    client, store = database
    requests = await Requests.open(store, some_keys())
    await in_transaction(client, lambda session: requests.remember(session, *WHO, b"content", b"answer"))

    with pytest.raises(AlreadyExists) as refusal:
        await in_transaction(client, lambda session: requests.first_answer(session, *WHO, b"other content"))
    assert refusal.value.reason == "REQUEST_ID_REUSED"


async def test_twins_at_the_same_moment_do_the_work_once(database: tuple[Client, Database]) -> None:
    client, store = database
    requests = await Requests.open(store, some_keys())
    work = await ensure_collection(store, "work", validator={})

    async def make(number: int, session: Session) -> bytes:
        first = await requests.first_answer(session, *WHO, b"content")
        if first is not None:
            return first
        await work.insert_one({"by": number}, session=session)
        await requests.remember(session, *WHO, b"content", b"made by %d" % number)
        return b"made by %d" % number

    answers = await asyncio.gather(*[in_transaction(client, partial(make, number)) for number in range(6)])

    assert len(set(answers)) == 1
    assert await work.count_documents({}) == 1


async def test_nothing_of_request_or_answer_is_readable_in_the_store(database: tuple[Client, Database]) -> None:
    client, store = database
    requests = await Requests.open(store, some_keys())
    await in_transaction(client, lambda session: requests.remember(session, *WHO, b"readable content", b"readable answer"))

    stored = str(await store["requests"].find_one())

    assert "readable" not in stored
    assert all(part not in stored for part in WHO)


async def test_answers_are_kept_for_seven_days(database: tuple[Client, Database]) -> None:
    _, store = database
    await Requests.open(store, some_keys())

    indexes = await store["requests"].index_information()

    assert indexes["kept"]["expireAfterSeconds"] == 7 * 24 * 3600
