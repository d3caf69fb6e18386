"""The filter as a query says what the filter says in pure Python, on generated documents and permits."""

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from carnet_documents.domain.filter import DocumentFilter
from carnet_documents.domain.placement import Placement, Status
from carnet_documents.storage.blinding import Blinding
from carnet_documents.storage.queries import permitted
from carnet_documents.storage.stored import changing_fields
from support.journals import some_keys

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CLASSES, TYPES = ("10", "11", "90"), ("a", "b", "c")
PEOPLE = ("professionals/p", "professionals/q", "structures/s")
LABELS = ("MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX", "UNKNOWN")


def placements(blinding: Blinding) -> list[tuple[Placement, str]]:
    """Every combination of labels with every depositor, over classes and types."""
    ends = (None, NOW - timedelta(seconds=1), NOW, NOW + timedelta(seconds=1))
    found = []
    for number, (is_masked, end, is_hidden, depositor) in enumerate(itertools.product((True, False), ends, (True, False), PEOPLE)):
        placement = Placement(
            "r", f"d{number}", CLASSES[number % 3], TYPES[number // 3 % 3], Status.APPROVED, is_masked, end, is_hidden,
            blinding.actor("r", depositor), b"s", NOW, "", 1,
        )  # fmt: skip
        found.append((placement, depositor))
    return found


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
    )


@pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)
async def test_the_query_finds_what_the_reference_passes(database: tuple[Any, Any]) -> None:
    """Promise 10: the same question gets the same answer on every path."""
    _, store = database
    blinding = Blinding(some_keys())
    documents = placements(blinding)
    await store.documents.insert_many(
        [
            {"_id": one.document, "record": "r", "class": one.class_code, "type": one.type_code, "depositor": one.depositor}
            | changing_fields(one, blinding)
            for one, _ in documents
        ]
    )
    chance = random.Random(7)  # a schedule, not a secret
    for _ in range(200):
        wanted = terms(chance)
        expected = {
            one.document
            for one, depositor in documents
            if wanted.passes(
                name=f"records/r/documents/{one.document}",
                depositor=depositor,
                class_code=one.class_code,
                type_code=one.type_code,
                labels=one.labels(NOW),
            )
        }
        assert {one["_id"] async for one in store.documents.find(permitted("r", wanted, NOW, blinding))} == expected, wanted
        assert not [one async for one in store.documents.find(permitted("x", wanted, NOW, blinding))]
