"""Persons found by blind terms, and searches kept, on both drivers."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from bson import Binary, encode
from carnet_identity.domain.ins import NIR_TEST, Ins
from carnet_identity.domain.patient import Patient
from carnet_identity.domain.patient_search import KeptSearch, Said, parse_search
from carnet_identity.domain.search_terms import Terms
from carnet_identity.storage.indexes import open_collections
from carnet_identity.storage.kept_searches import KeptSearches
from carnet_identity.storage.patient_search import PatientFinds
from carnet_identity.storage.patients import PatientStore
from carnet_identity.storage.search_terms import TERM_BYTES, SearchTerms
from carnet_platform.envelope import EnvelopeError
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import in_transaction
from structlog.testing import capture_logs
from support.canaries import forms
from support.dominique import DOMINIQUE
from support.written import TODAY

pytestmark = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)

KEYS = MasterKeys({"2026-01-01": b"m" * 32}, b"d" * 32)
OTHER = replace(
    DOMINIQUE,
    id="b" * 26,
    ins=Ins("277076322082910", NIR_TEST),
    traits=replace(DOMINIQUE.traits, birth_family_name="AUTRE", used_family_name="", given_names="", birth_date="19500100"),
    residence_commune="",
)
SAID = {"family_name": "essai", "given_name": "Louise", "birth_date": "19790328", "commune": "75056"}


class World:
    """The stores, with at most three persons to a search."""

    def __init__(self, client: Any, collections: Any) -> None:  # noqa: ANN401 - fixtures are typed no closer
        self.client, self.collections = client, collections
        self.terms = SearchTerms(KEYS)
        self.patients = PatientStore(collections.patients, KEYS, self.terms.of)
        self.finds = PatientFinds(collections.patients, self.patients, self.terms, most=3)
        self.searches = KeptSearches(collections.patient_searches, KEYS)

    async def register(self, *patients: Patient) -> None:
        for patient in patients:
            await in_transaction(self.client, lambda session, patient=patient: self.patients.insert(session, patient))  # type: ignore[misc]

    async def found(self, terms: Terms, *, is_broken_left_out: bool = False) -> set[str]:
        return {patient.id for patient in await self.finds.find(terms, is_broken_left_out=is_broken_left_out)}


@pytest.fixture
async def world(database: tuple[Any, Any]) -> World:
    return World(database[0], await open_collections(database[1]))


def asked(**said: Any) -> Terms:  # noqa: ANN401 - fields of Said
    return parse_search(Said(**said), is_emergency=True, today=TODAY).terms


async def test_a_person_is_found_by_every_two_terms_and_nobody_else_is(world: World) -> None:
    """rules.md 10."""
    await world.register(DOMINIQUE, OTHER)
    for several in (2, 3, 4):
        for chosen in combinations(SAID, several):
            assert await world.found(asked(**{term: SAID[term] for term in chosen})) == {DOMINIQUE.id}, chosen
    assert await world.found(asked(family_name="Autre", birth_date="19500131")) == {OTHER.id}, "born on a day of that month nobody knows"
    assert await world.found(asked(given_name="Dominique", commune="51215")) == {DOMINIQUE.id, OTHER.id}
    assert not await world.found(asked(family_name="Personne", birth_date="19790328"))


async def test_a_change_of_traits_changes_the_terms(world: World) -> None:
    await world.register(DOMINIQUE)
    moved = replace(DOMINIQUE, residence_commune="33063", traits=replace(DOMINIQUE.traits, used_family_name=""))
    await in_transaction(world.client, lambda session: world.patients.replace(session, moved))
    assert not await world.found(asked(family_name="essai", birth_date="19790328"))
    assert not await world.found(asked(family_name="pat trois", commune="75056"))
    assert await world.found(asked(family_name="pat trois", commune="33063")) == {DOMINIQUE.id}


async def test_no_more_are_read_than_tell_that_there_are_too_many(world: World) -> None:
    await world.register(
        *(replace(DOMINIQUE, id=letter * 26, ins=Ins(f"27903512151{n}989", NIR_TEST)) for n, letter in enumerate("abcdef"))
    )
    assert len(await world.finds.find(asked(**SAID), is_broken_left_out=False)) == 4


async def test_searches_that_share_a_round_trip_are_each_told_their_own(world: World) -> None:
    await world.register(DOMINIQUE, OTHER)
    hers, others = asked(family_name="essai", birth_date="19790328"), asked(family_name="autre", birth_date="19500100")
    nobodys = asked(family_name="personne", birth_date="19790328")
    answers = await asyncio.gather(*(world.found(terms) for _ in range(20) for terms in (hers, others, nobodys)))
    assert answers == [{DOMINIQUE.id}, {OTHER.id}, set()] * 20


async def test_the_index_alone_is_read(world: World) -> None:
    await world.register(DOMINIQUE, OTHER)
    pipeline = world.finds._pipeline("1", world.terms.asked(asked(family_name="essai", birth_date="19790328")))
    command = {"aggregate": "patients", "pipeline": pipeline, "cursor": {}}
    plan = await world.collections.patients.database.command("explain", command, verbosity="executionStats")
    said = str(plan)
    assert "IXSCAN" in said
    assert "COLLSCAN" not in said
    assert "'totalDocsExamined': 1" in said


async def test_a_stored_row_shows_terms_of_one_length_in_no_order_and_none_of_the_values(world: World) -> None:
    """S9: canaries in a dump of the blind index."""
    await world.register(DOMINIQUE)
    row = await world.collections.patients.find_one({})
    assert {len(term) for term in row["search_terms"]} == {TERM_BYTES}
    assert row["search_terms"] == sorted(set(row["search_terms"]))
    stored = encode(row).lower()
    for word in ("PATTROIS", "PAT-TROIS", "DOMINIQUE", "MARIELOUISE", "MARIE-LOUISE", "19790328"):
        assert not [form for form in forms(word) if form in stored], word


async def test_the_terms_are_made_under_a_key_outside_the_database(world: World) -> None:
    other = SearchTerms(MasterKeys({"2026-01-01": b"m" * 32}, b"o" * 32))
    assert not set(other.of(DOMINIQUE)) & set(world.terms.of(DOMINIQUE))
    assert world.terms.of(DOMINIQUE) == SearchTerms(MasterKeys({"2027-01-01": b"n" * 32}, b"d" * 32)).of(DOMINIQUE), (
        "and outlive master keys"
    )


async def test_a_row_under_somebody_elses_terms_is_not_believed(world: World) -> None:
    """C8: who edits the database gets an alarm and no person; an emergency goes on without that row."""
    await world.register(DOMINIQUE, OTHER)
    forged = [Binary(term) for term in world.terms.of(OTHER)]
    await world.collections.patients.update_one({"_id": DOMINIQUE.id}, {"$set": {"search_terms": forged}})
    terms = asked(family_name="autre", birth_date="19500100")
    with capture_logs() as logged:
        with pytest.raises(EnvelopeError):
            await world.found(terms)
        assert await world.found(terms, is_broken_left_out=True) == {OTHER.id}
    assert [(line["event"], line["log_level"], line["patient"]) for line in logged] == [("patient.seal_broken", "error", DOMINIQUE.id)] * 2


SEARCH = KeptSearch(
    id="s" * 26,
    professional="professionals/p",
    patients=("a" * 26, "b" * 26),
    expire_time=datetime(2036, 1, 1, tzinfo=UTC) + timedelta(milliseconds=7),
)


async def test_a_search_is_kept_sealed_and_forgotten_by_the_store(world: World) -> None:
    await world.searches.keep(SEARCH)
    assert await world.searches.find(SEARCH.id) == SEARCH
    assert await world.searches.find("t" * 26) is None
    row = await world.searches._searches.find_one({})
    assert row is not None
    assert row.keys() == {"_id", "content", "kept_from"}
    assert b"professionals" not in encode(row)
    assert b"aaaaa" not in encode(row)
    indexes = await world.collections.patient_searches.index_information()
    assert indexes["kept"]["expireAfterSeconds"] == 3600


async def test_a_kept_search_that_somebody_changed_is_as_none(world: World) -> None:
    """C8."""
    other = replace(SEARCH, id="t" * 26, patients=("c" * 26,))
    await asyncio.gather(world.searches.keep(SEARCH), world.searches.keep(other))
    rows = world.searches._searches
    row = await rows.find_one({"_id": other.id})
    assert row is not None
    await rows.update_one({"_id": SEARCH.id}, {"$set": {"content": row["content"]}})
    with capture_logs() as logged:
        assert await world.searches.find(SEARCH.id) is None
    assert [(line["event"], line["log_level"], line["search"]) for line in logged] == [("patient_search.seal_broken", "error", SEARCH.id)]
    assert await world.searches.find(other.id) == other
