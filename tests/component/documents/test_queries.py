"""The filter as a query says what the filter says in pure Python, on generated documents and permits."""

import asyncio
import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from carnet_documents.domain.filter import DocumentFilter
from carnet_documents.domain.placement import Placement, Status
from carnet_documents.storage.blinding import Blinding
from carnet_documents.storage.finding import SharedFinds, Wanted
from carnet_documents.storage.queries import permitted
from carnet_documents.storage.stored import changing_fields
from support.journals import some_keys

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CLASSES, TYPES = ("10", "11", "90"), ("a", "b", "c")
PEOPLE = ("professionals/p", "professionals/q", "structures/s")
STRUCTURES = ("structures/s", "structures/t")
LABELS = ("MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX", "UNKNOWN")


def placements(blinding: Blinding) -> list[tuple[Placement, str]]:
    """Every combination of labels with every depositor, over classes, types and structures."""
    ends = (None, NOW - timedelta(seconds=1), NOW, NOW + timedelta(seconds=1))
    found = []
    for number, (is_masked, end, is_hidden, depositor) in enumerate(itertools.product((True, False), ends, (True, False), PEOPLE)):
        placement = Placement(
            "r", f"d{number}", CLASSES[number % 3], TYPES[number // 3 % 3], Status.APPROVED, is_masked, end, is_hidden,
            blinding.actor("r", depositor), blinding.actor("r", structure_of(f"d{number}")), NOW, "", 1,
            masked_from=(None, NOW, NOW + timedelta(seconds=1))[number % 3],
        )  # fmt: skip
        found.append((placement, depositor))
    return found


def structure_of(document: str) -> str:
    """The structure a document was deposited for."""
    return STRUCTURES[int(document[1:]) // 2 % 2]


def terms(chance: random.Random) -> DocumentFilter:
    """A permit's filter."""

    def some(values: tuple[str, ...]) -> frozenset[str]:
        return frozenset(value for value in values if chance.random() < 0.4)

    return DocumentFilter(
        all_types=chance.random() < 0.3,
        classes=some(CLASSES),
        allowed_types=some(TYPES),
        denied_types=some(TYPES),
        excluded_visibilities=some(LABELS[:3] if chance.random() < 0.9 else LABELS),
        hidden_documents=frozenset(f"records/{chance.choice('rx')}/documents/d{chance.randrange(48)}" for _ in range(3)),
        own_professional=chance.choice(("", "professionals/p")),
        own_structure=chance.choice(("", "structures/s")),
        excluded_structures=some(STRUCTURES) if chance.random() < 0.4 else frozenset(),
        unmasked_types=some(TYPES) if chance.random() < 0.4 else frozenset(),
    )


async def kept(store: Any, blinding: Blinding) -> list[tuple[Placement, str]]:  # noqa: ANN401  # a database of either driver
    """The placements, in the store as far as a filter asks."""
    documents = placements(blinding)
    await store.documents.insert_many(
        [
            {"_id": one.document, "record": "r", "class": one.class_code, "type": one.type_code, "depositor": one.depositor}
            | {"structure": one.structure}
            | changing_fields(one, blinding)
            | ({} if one.masked_from is None else {"masked_from": one.masked_from})
            for one, _ in documents
        ]
    )
    return documents


def passes(wanted: DocumentFilter, one: Placement, depositor: str) -> bool:
    """What the reference says."""
    return wanted.passes(
        name=f"records/r/documents/{one.document}",
        depositor=depositor,
        class_code=one.class_code,
        type_code=one.type_code,
        labels=one.labels(NOW),
        structure=structure_of(one.document),
    )


@pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
async def test_the_query_finds_what_the_reference_passes(database: tuple[Any, Any]) -> None:
    """Promise 10: the same question gets the same answer on every path."""
    _, store = database
    blinding = Blinding(some_keys())
    documents = await kept(store, blinding)
    chance = random.Random(7)  # a schedule, not a secret
    for _ in range(200):
        wanted = terms(chance)
        expected = {one.document for one, depositor in documents if passes(wanted, one, depositor)}
        assert {one["_id"] async for one in store.documents.find(permitted("r", wanted, NOW, blinding))} == expected, wanted
        assert not [one async for one in store.documents.find(permitted("x", wanted, NOW, blinding))]


@pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
async def test_finds_that_share_a_round_trip_are_each_answered_under_their_own_filter(database: tuple[Any, Any]) -> None:
    """Promises 8 and 10: what is hidden from one stays absent though another of the same round trip may see it."""
    _, store = database
    blinding = Blinding(some_keys())
    documents = await kept(store, blinding)
    await store.versions.insert_one({"_id": "r", "versions": {}})
    finds = SharedFinds(store.documents, "versions", blinding, with_content=True)
    chance = random.Random(7)  # a schedule, not a secret
    asked = [(*chance.choice(documents), terms(chance), chance.choice("rrrx")) for _ in range(200)]
    answers = await asyncio.gather(*(finds.find(one.document, Wanted(record, wanted, NOW)) for one, _, wanted, record in asked))
    for (one, depositor, wanted, record), rows in zip(asked, answers, strict=True):
        found = None if rows.document is None else rows.document["_id"]
        assert found == (one.document if record == "r" and passes(wanted, one, depositor) else None), wanted
        assert (rows.versions is not None) == (record == "r")
