"""What somebody who can write to the database still cannot do: shorten, hide, mislabel or set back a document unnoticed."""

import asyncio

from component.documents.conftest import Documents
from component.documents.harness import names
from component.documents.neighbours import allow
from component.documents.test_reading import both_drivers, deposit, refused
from support.cda import Cda
from support.waiting import eventually

LARGE = Cda(filler="x" * 2_500_000)


def _id(name: str) -> str:
    return name.rsplit("/", 1)[1]


async def test_a_large_document_cannot_be_cut_short(documents: Documents) -> None:
    """S9: how many chunks there are follows from the sealed size, and nothing in clear says otherwise."""
    client, content = documents.client(), LARGE.render()
    name = (await client.submit(content)).entry.name
    store = await documents.store()

    await store.documents.update_one({"chunks": {"$exists": True}}, {"$set": {"chunks": 2}})
    assert (await client.read(name))[1] == content
    await store.chunks.delete_one({"_id": f"{_id(name)}/0002"})
    assert (await refused(client.read(name)))[1] == "INTERNAL"
    await eventually(lambda: documents.audit.kinds() == ["document.read", "document.read", "document.unreadable"])


@both_drivers
async def test_a_broken_document_does_not_end_the_list(documents: Documents) -> None:
    """C8: it takes its place, is told to the operators and in the history, and the pages go on."""
    client = documents.client()
    every = await deposit(client, 5)
    store = await documents.store()
    broken = [every[1], every[4]]
    await store.documents.update_many({"_id": {"$in": [_id(name) for name in broken]}}, {"$set": {"hidden_from_representatives": True}})

    pages, token = [], ""
    for _ in range(3):
        page = await client.search(page_size=2, page_token=token)
        token = page.next_page_token
        pages.append(names(page.entries))

    assert (pages, token) == ([[every[0]], [every[2], every[3]], []], "")
    told = ["document.seal_broken", "documents.searched"]
    await eventually(lambda: documents.audit.kinds() == [*told, "documents.searched", *told])
    assert [event.document for event in documents.audit.events if event.kind == told[0]] == broken
    assert {tuple(event.hidden_from) for event in documents.audit.events if event.kind == told[0]} == {("representatives",)}


async def test_what_lies_in_clear_must_say_what_is_sealed(documents: Documents) -> None:
    """S9: creation time, identifier and content hash are searched by, and are not what the sealed metadata says."""
    client = documents.client()
    first, second = await deposit(client, 2)
    store = await documents.store()
    one, two = [await store.documents.find_one({"_id": _id(name)}) for name in (first, second)]

    for field in ("created", "unique", "content_mac"):
        await store.documents.update_one({"_id": one["_id"]}, {"$set": {field: two[field]}})
        assert (await refused(client.get(first)))[1] == "INTERNAL"
        assert (await refused(client.search()))[1] == "INTERNAL"
        await store.documents.replace_one({"_id": one["_id"]}, one)
    # A replacement must not reach another document by the identifier of the one it means.
    await store.documents.delete_one({"_id": two["_id"]})
    await store.documents.update_one({"_id": one["_id"]}, {"$set": {"unique": two["unique"]}})
    assert (await refused(client.submit(Cda(unique_id="1.2.9", replaces="1.2.0").render())))[1] == "INTERNAL"
    await eventually(lambda: documents.audit.kinds().count("document.unreadable") == 7)


@both_drivers
async def test_an_old_copy_of_a_document_does_not_undo_its_masking(documents: Documents) -> None:
    """C8: the row as it was, seal and all, put back after the patient masked it."""
    name, other_name = await deposit(documents.client(), 2)
    documents.consent.answers[1] = allow(all_types=True, excluded_visibilities=["MASQUE_PS"])
    store, other, clara = await documents.store(), documents.client(sub="professionals/bruno"), documents.clara()
    before = await store.documents.find_one({"_id": _id(name)})
    assert (await other.get(name)).name == name
    await clara.mask(name)
    await store.documents.replace_one({"_id": before["_id"]}, before)

    for ask in (other.read, other.get, clara.unmask, clara.mask):
        assert await refused(ask(name)) == ("NOT_FOUND", "NOT_FOUND", "there is no such document")
    assert names((await other.search()).entries) == [other_name]
    replacing = documents.client().submit(Cda(unique_id="1.2.9", replaces="1.2.1").render())
    assert (await refused(replacing))[1] == "INTERNAL"
    await eventually(lambda: documents.audit.kinds().count("document.rolled_back") == 5)
    assert {event.document for event in documents.audit.events if event.kind == "document.rolled_back"} == {name}


async def test_newest_versions_taken_away_or_changed_make_a_record_unreadable(documents: Documents) -> None:
    """C8: also when the next deposit would have made them anew."""
    client = documents.client()
    (name,) = await deposit(client, 1)
    await documents.clara().mask(name)
    store = await documents.store()
    before = await store.versions.find_one({})

    await store.versions.update_one({}, {"$set": {"versions": {}}})
    assert (await refused(client.get(name)))[1] == "NOT_FOUND"
    await store.versions.delete_one({})
    await client.submit(Cda(unique_id="1.2.9").render())
    assert (await refused(documents.client(jti="new").get(name)))[1] == "NOT_FOUND"
    await store.versions.insert_one(before)
    assert (await documents.client(jti="newer").get(name)).name == name


@both_drivers
async def test_reads_beside_changes_are_never_taken_for_old_copies(documents: Documents) -> None:
    """The row and the newest versions are read side by side; a change may come between."""
    (name,) = await deposit(documents.client(), 1)
    clara = documents.clara()
    is_changing = True

    async def read(number: int) -> None:
        while is_changing:
            assert (await documents.client(jti=f"{number}").get(name)).name == name

    async def change() -> None:
        nonlocal is_changing
        for _ in range(3):
            await clara.mask(name)
            await clara.unmask(name)
        is_changing = False

    await asyncio.gather(change(), *(read(number) for number in range(4)))
    assert "document.rolled_back" not in documents.audit.kinds()
