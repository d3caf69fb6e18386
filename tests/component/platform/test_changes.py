"""Changes: contiguous revisions, stored with what they tell of or not at all, sealed."""

import asyncio
from functools import partial

import pytest
from carnet_platform.changes import ChangeLog
from carnet_platform.mongo import Client, Database, Session, in_transaction
from support.journals import some_keys

pytestmark = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)


async def test_revisions_count_from_one_for_each_subject(database: tuple[Client, Database]) -> None:
    client, store = database
    changes = await ChangeLog.open(store, some_keys())

    for subject, expected in [("boxes/a", 1), ("boxes/a", 2), ("boxes/b", 1), ("boxes/a", 3)]:
        assert await in_transaction(client, partial(changes.append, subject=subject, payload=b"event")) == expected
    assert [await changes.last_revision(subject) for subject in ("boxes/a", "boxes/b", "boxes/c")] == [3, 1, 0]


async def test_a_subject_is_not_mistaken_for_one_it_begins_like(database: tuple[Client, Database]) -> None:
    client, store = database
    changes = await ChangeLog.open(store, some_keys())
    await in_transaction(client, lambda session: changes.append(session, "boxes/ab", b"event"))

    assert await changes.last_revision("boxes/a") == 0


@pytest.mark.parametrize("subject", ["", "boxes", "boxes/", "/a", "boxes/a/lids", "boxes/a b", "boxes/$"])
async def test_a_subject_that_the_log_would_not_take_is_refused_where_it_is_made(database: tuple[Client, Database], subject: str) -> None:
    client, store = database
    changes = await ChangeLog.open(store, some_keys())

    with pytest.raises(ValueError, match="<kind>/<id>"):
        await in_transaction(client, lambda session: changes.append(session, subject, b"event"))
    assert await store["changes"].count_documents({}) == 0


async def test_an_aborted_transaction_leaves_no_change(database: tuple[Client, Database]) -> None:
    client, store = database
    changes = await ChangeLog.open(store, some_keys())

    async def body(session: Session) -> None:
        await changes.append(session, "boxes/a", b"event")
        raise LookupError

    with pytest.raises(LookupError):
        await in_transaction(client, body)
    assert await changes.last_revision("boxes/a") == 0


async def test_concurrent_changes_of_one_subject_get_contiguous_revisions(database: tuple[Client, Database]) -> None:
    client, store = database
    changes = await ChangeLog.open(store, some_keys())

    revisions = await asyncio.gather(*[in_transaction(client, lambda s: changes.append(s, "boxes/a", b"event")) for _ in range(12)])

    assert sorted(revisions) == list(range(1, 13))


async def test_a_revision_already_taken_runs_the_transaction_again(database: tuple[Client, Database]) -> None:
    client, store = database
    changes = await ChangeLog.open(store, some_keys())
    await in_transaction(client, lambda session: changes.append(session, "boxes/a", b"first"))
    wanted = [1, 2]

    revision = await in_transaction(client, lambda session: changes.append(session, "boxes/a", b"second", revision=wanted.pop(0)))

    assert revision == 2
    assert wanted == []


async def test_events_are_sealed_and_come_back_in_order(database: tuple[Client, Database]) -> None:
    client, store = database
    changes = await ChangeLog.open(store, some_keys())
    for number in range(12):
        await in_transaction(client, partial(changes.append, subject=f"boxes/{'ab'[number % 2]}", payload=b"secret %d" % number))

    found, place = await changes.unshipped("", 512)

    assert place == ""
    assert [(change.subject, change.revision) for change in found] == [
        (subject, n) for subject in ("boxes/a", "boxes/b") for n in range(1, 7)
    ]
    assert found[0].event.payload == b"secret 0"
    async for document in store["changes"].find():
        assert b"secret" not in document["event"]


async def test_reading_goes_on_where_it_stopped_and_leaves_out_what_was_shipped(database: tuple[Client, Database]) -> None:
    client, store = database
    changes = await ChangeLog.open(store, some_keys())
    for _ in range(5):
        await in_transaction(client, lambda session: changes.append(session, "boxes/a", b"event"))

    first, place = await changes.unshipped("", 2)
    second, end = await changes.unshipped(place, 4)
    await changes.mark_shipped(first)

    assert [change.revision for change in first + second] == [1, 2, 3, 4, 5]
    assert end == ""
    assert [change.revision for change in (await changes.unshipped("", 9))[0]] == [3, 4, 5]
