"""Mandates at rest, on both drivers: sealed, changed one revision at a time, and not believed when somebody else wrote."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Binary, encode
from carnet_identity.domain.mandate import Mandate, MandateKind, MandateRelation, MandateState
from carnet_identity.storage.hidden_places import HiddenPlaceStore
from carnet_identity.storage.indexes import open_collections
from carnet_identity.storage.mandate_pages import MandatePageTokens
from carnet_identity.storage.mandates import MandateStore
from carnet_platform.envelope import EnvelopeError
from carnet_platform.errors import InvalidArgument
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Session, in_transaction, transaction
from pymongo.errors import OperationFailure, WriteError
from structlog.testing import capture_logs
from support.canaries import forms

pytestmark = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)

KEYS = MasterKeys({"2026-01-01": b"m" * 32}, b"d" * 32)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MANDATE = Mandate(
    id="a" * 26,
    holder="patients/holderholderholder",
    mandatary="patients/mandatarymandatary",
    kind=MandateKind.CAREGIVING,
    relation=MandateRelation.SIBLING,
    state=MandateState.ACCEPTED,
    made_by="patients/inviterinviter",
    made_time=NOW,
    classes=("10", "31"),
    begin=NOW,
    end=NOW + 200 * DAY,
    ends_at_majority=False,
    invitation_expires=NOW + 30 * DAY,
    evidence="CANARYEVIDENCE",
    attest_time=NOW + DAY,
    reason="CANARYREASON",
    closed_time=NOW + 2 * DAY,
    notices=(7, 30),
)
"""With everything that may be said of a mandate."""
NOBODYS = replace(MANDATE, id="b" * 26, mandatary="")


@pytest.fixture
async def store(database: tuple[Any, Any]) -> MandateStore:
    """On a fresh database."""
    collections = await open_collections(database[1])
    return MandateStore(collections.mandates, collections.mandate_barriers, KEYS)


async def insert(database: tuple[Any, Any], store: MandateStore, *mandates: Mandate, due: datetime | None = None) -> None:
    """Stores mandates."""

    async def body(session: Session) -> None:
        for mandate in mandates:
            await store.insert(session, mandate, due)

    await in_transaction(database[0], body)


async def rows(database: tuple[Any, Any]) -> dict[str, dict[str, Any]]:
    """Every row, by id."""
    return {row["_id"]: row async for row in database[1].mandates.find({})}


async def test_a_mandate_is_found_by_name_holder_and_mandatary(database: tuple[Any, Any], store: MandateStore) -> None:
    await insert(database, store, MANDATE, NOBODYS)
    async with store.fresh() as session:
        assert await store.find(MANDATE.id) == await store.find(MANDATE.id, session) == MANDATE
    assert {one.id for one in await store.of_holder(MANDATE.holder)} == {MANDATE.id, NOBODYS.id}
    assert await store.of_mandatary(MANDATE.mandatary) == [MANDATE]
    assert await store.of_mandatary("") == []
    assert await store.find("never") is None
    assert await store.of_holder(MANDATE.mandatary) == await store.of_mandatary(MANDATE.holder) == []


async def test_nothing_of_who_acts_for_whom_can_be_read_in_a_dump(database: tuple[Any, Any], store: MandateStore) -> None:
    """Canaries; and a row that fits nobody looks like one that fits somebody, as long and with the same fields."""
    await insert(database, store, MANDATE, NOBODYS, due=NOW)
    held = await rows(database)
    for row in held.values():
        content = encode(row).lower()
        words = ("CANARYEVIDENCE", "CANARYREASON", "CAREGIVING", "holderholderholder", "mandatarymandatary", "inviterinviter", "SIBLING")
        assert not [word for word in words if any(form in content for form in forms(word))]
    real, nobodys = held[MANDATE.id], held[NOBODYS.id]
    assert {name: len(value) for name, value in real.items() if name != "_id" and isinstance(value, bytes)} == {
        name: len(value) for name, value in nobodys.items() if name != "_id" and isinstance(value, bytes)
    }
    assert real["mandatary"] != nobodys["mandatary"]


async def test_a_change_is_made_of_the_revision_that_was_read(database: tuple[Any, Any], store: MandateStore) -> None:
    """Of two that change it at once one is made of what the other left."""
    await insert(database, store, MANDATE)
    seen: list[int] = []

    async def change(reason: str) -> None:
        async def body(session: Session) -> None:
            mandate = await store.find(MANDATE.id, session)
            assert mandate is not None
            seen.append(mandate.revision)
            await store.replace(session, replace(mandate, reason=mandate.reason + reason), None)

        await in_transaction(database[0], body)

    await asyncio.gather(change(" one"), change(" two"))
    held = await store.find(MANDATE.id)
    assert held is not None
    assert held.revision == 3
    assert held.reason in {"CANARYREASON one two", "CANARYREASON two one"}
    assert {1, 2} <= set(seen)
    async with transaction(database[0]) as session:
        with pytest.raises(OperationFailure):
            await store.replace(session, replace(held, revision=1), None)


@pytest.mark.parametrize(
    "edit",
    [
        {"$set": {"content": Binary(b"x" * 200)}},
        {"$set": {"revision": 2}},
        {"$set": {"holder": Binary(b"x" * 32)}},
        {"$set": {"mandatary": Binary(b"x" * 32)}},
        {"$set": {"due": Binary(b"x" * 32)}},
    ],
    ids=repr,
)
async def test_an_edited_row_is_not_believed(database: tuple[Any, Any], store: MandateStore, edit: dict[str, Any]) -> None:
    await insert(database, store, MANDATE)
    await database[1].mandates.update_one({"_id": MANDATE.id}, edit)
    with capture_logs() as logged, pytest.raises(EnvelopeError):
        await store.find(MANDATE.id)
    assert [(line["event"], line["log_level"]) for line in logged] == [("mandate.seal_broken", "error")]


async def test_another_mandates_content_does_not_open_in_its_place(database: tuple[Any, Any], store: MandateStore) -> None:
    other = replace(MANDATE, id="c" * 26, mandatary="patients/other")
    await insert(database, store, MANDATE, other)
    held = await rows(database)
    swapped = {name: held[other.id][name] for name in ("holder", "mandatary", "due", "content")}
    await database[1].mandates.update_one({"_id": MANDATE.id}, {"$set": swapped})
    with capture_logs(), pytest.raises(EnvelopeError):
        await store.find(MANDATE.id)


async def test_what_is_due_is_found_on_its_day_and_after_and_one_that_is_broken_holds_up_no_other(
    database: tuple[Any, Any], store: MandateStore
) -> None:
    """No date of birth stands in clear: a day has a blind mark."""
    broken, late = replace(MANDATE, id="c" * 26), replace(MANDATE, id="d" * 26)
    await insert(database, store, MANDATE, broken, due=NOW)
    await insert(database, store, late, due=NOW + DAY)
    await insert(database, store, NOBODYS)
    await database[1].mandates.update_one({"_id": broken.id}, {"$set": {"content": Binary(b"x" * 200)}})

    async def due(now: datetime) -> set[str]:
        with capture_logs():
            return {one.id async for one in store.due(now)}

    assert await due(NOW - DAY) == set()
    assert await due(NOW) == {MANDATE.id}
    assert await due(NOW + DAY) == await due(NOW + 300 * DAY) == {MANDATE.id, late.id}


async def test_a_row_that_holds_more_or_less_is_not_stored(database: tuple[Any, Any], store: MandateStore) -> None:
    await insert(database, store, MANDATE)
    for edit in ({"$set": {"holder_name": "x"}}, {"$unset": {"due": ""}}, {"$set": {"revision": 0}}):
        with pytest.raises(WriteError):
            await database[1].mandates.update_one({"_id": MANDATE.id}, edit)


async def test_hidden_places_are_sealed_and_change_one_revision_at_a_time(database: tuple[Any, Any]) -> None:
    collections = await open_collections(database[1])
    places = HiddenPlaceStore(collections.hidden_places, KEYS)
    holder = MANDATE.holder
    before = await places.of(holder)
    assert (before.structures, before.revision) == ((), 0)

    async def put(structures: tuple[str, ...]) -> None:
        async def body(session: Session) -> None:
            await places.put(session, holder, structures, await places.of(holder, session))

        await in_transaction(database[0], body)

    await asyncio.gather(put(("structures/CANARYPLACE",)), put(("structures/CANARYPLACE", "structures/b")))
    after = await places.of(holder)
    assert (after.name, after.revision) == (before.name, 2)
    row = await database[1].hidden_places.find_one({})
    assert not [word for word in ("CANARYPLACE", "holderholderholder") if any(form in encode(row).lower() for form in forms(word))]
    assert len(after.name.partition("/")[2]) == 64
    await put(())
    assert (await places.of(holder)).structures == ()
    emptied = await database[1].hidden_places.find_one({})
    assert len(emptied["content"]) == len(row["content"]), "how many there are does not show"
    await database[1].hidden_places.update_one({}, {"$set": {"revision": 7}})
    with capture_logs() as logged, pytest.raises(EnvelopeError):
        await places.of(holder)
    assert [line["event"] for line in logged] == ["hidden_places.seal_broken"]


async def test_a_page_token_is_one_users_and_cannot_be_made_up(database: tuple[Any, Any]) -> None:
    del database
    tokens = MandatePageTokens(KEYS)
    token = tokens.seal("patients/a", NOW, "m")
    assert tokens.open("patients/a", token) == (NOW, "m")
    for user, wrong in (("patients/b", token), ("patients/a", token[:-2]), ("patients/a", "x"), ("patients/a", "é")):
        with pytest.raises(InvalidArgument):
            tokens.open(user, wrong)


async def test_a_row_that_does_not_open_keeps_nobody_from_ending_another(database: tuple[Any, Any], store: MandateStore) -> None:
    """Who is let in is decided on all of them; what is ended, on those that can be read."""
    await insert(database, store, MANDATE, replace(MANDATE, id="c" * 26))
    await database[1].mandates.update_one({"_id": MANDATE.id}, {"$set": {"content": Binary(b"x" * 200)}})
    with capture_logs() as logged:
        assert [one.id for one in await store.readable_of_holder(MANDATE.holder)] == ["c" * 26]
        assert [one.id for one in await store.of_mandatary(MANDATE.mandatary)] == ["c" * 26]
        with pytest.raises(EnvelopeError):
            await store.of_holder(MANDATE.holder)
    assert {line["event"] for line in logged} == {"mandate.seal_broken"}
