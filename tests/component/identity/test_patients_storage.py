"""Persons at rest, on both drivers: found by exact INS, one for each, sealed, and not believed when somebody else wrote."""

import asyncio
import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Binary, encode
from carnet_identity.domain.identity_evidence import IdentityEvidence, IdentityPaper
from carnet_identity.domain.identity_status import IdentityAttribute, IdentityStatus
from carnet_identity.domain.ins import NIR_DEMONSTRATION, NIR_TEST, Ins
from carnet_identity.domain.patient import Death, FormerIns, Patient
from carnet_identity.domain.traits import Traits
from carnet_identity.storage.indexes import open_collections
from carnet_identity.storage.patients import PatientStore
from carnet_platform.envelope import Context, EnvelopeError, mac
from carnet_platform.keys import MasterKeys, Sealer
from carnet_platform.mongo import Session, in_transaction, transaction
from pymongo.errors import OperationFailure, WriteError
from structlog.testing import capture_logs
from support.canaries import forms
from support.dominique import INS, TRAITS

pytestmark = pytest.mark.parametrize("database", ["motor", "pymongo"], indirect=True)

KEYS = MasterKeys({"2026-01-01": b"m" * 32}, b"d" * 32)
THEN = datetime(2026, 1, 10, 9, 30, 1, 234567, tzinfo=UTC)
DOMINIQUE = Patient(
    id="a" * 26, ins=INS, ins_time=THEN, traits=replace(TRAITS, used_family_name="NOM D'USAGE"), status=IdentityStatus.PROVISIONAL
)
NAMESAKE = replace(DOMINIQUE, id="b" * 26, ins=Ins("279035121518893", NIR_TEST))
FORMER = Ins("279035121518797", NIR_TEST)
WHOLE = replace(
    DOMINIQUE,
    status=IdentityStatus.RETRIEVED,
    evidence=IdentityEvidence(insi_call_time=THEN, paper=IdentityPaper.PASSPORT, paper_check_time=THEN),
    attributes=frozenset({IdentityAttribute.HOMONYM, IdentityAttribute.DOUBTFUL}),
    residence_commune="33063",
    former=(FormerIns(ins=FORMER, begin_time=None, end_time=THEN),),
    death=Death(death_date="20260100", evidence="acte de décès", record_time=THEN),
)
"""With everything that may be said of a person."""


def terms(patient: Patient) -> list[bytes]:
    """Search terms: two for each."""
    return [b"term-" + patient.id.encode(), b"term-of-both"]


@pytest.fixture
async def store(database: tuple[Any, Any]) -> PatientStore:
    return PatientStore((await open_collections(database[1])).patients, KEYS)


async def registered(database: tuple[Any, Any], store: PatientStore, *patients: Patient) -> None:
    for patient in patients:
        await in_transaction(database[0], lambda session, patient=patient: store.insert(session, patient))  # type: ignore[misc]


async def test_a_person_is_found_by_id_and_by_exact_ins(database: tuple[Any, Any], store: PatientStore) -> None:
    unsaid = replace(NAMESAKE, traits=Traits(birth_family_name="X", first_given_name="Y", birth_date="19000000", sex=None))
    await registered(database, store, DOMINIQUE, unsaid)
    for patient in (DOMINIQUE, unsaid):
        assert await store.find(patient.id) == patient
        assert await store.find_by_ins(patient.ins) == patient
    assert await store.find("c" * 26) is None
    assert await store.find_by_ins(replace(DOMINIQUE.ins, value="279035121518797")) is None
    assert await store.find_by_ins(replace(DOMINIQUE.ins, authority=NIR_DEMONSTRATION)) is None, "the same digits are another number there"


async def test_what_a_transaction_does_not_commit_is_nobody(database: tuple[Any, Any], store: PatientStore) -> None:
    async def given_up() -> None:
        async with transaction(database[0]) as session:
            await store.insert(session, DOMINIQUE)
            assert await store.find_by_ins(DOMINIQUE.ins, session) == DOMINIQUE
            raise LookupError

    with pytest.raises(LookupError):
        await given_up()
    assert await store.find_by_ins(DOMINIQUE.ins) is None


async def test_an_ins_stands_for_one_person(database: tuple[Any, Any], store: PatientStore) -> None:
    await registered(database, store, DOMINIQUE)

    async def again() -> None:
        async with transaction(database[0]) as session:
            await store.insert(session, replace(DOMINIQUE, id="c" * 26))

    with pytest.raises(OperationFailure, match="the INS was registered meanwhile") as raised:
        await again()
    assert raised.value.has_error_label("TransientTransactionError"), "the transaction runs again and finds who took it"
    await registered(database, store, replace(DOMINIQUE, id="c" * 26, ins=replace(DOMINIQUE.ins, authority=NIR_DEMONSTRATION)))
    assert await database[1]["patients"].count_documents({}) == 2


async def test_many_who_register_the_same_ins_at_once_get_one_person(database: tuple[Any, Any], store: PatientStore) -> None:
    async def register(patient: Patient) -> Patient:
        async def body(session: Session) -> Patient:
            found = await store.find_by_ins(patient.ins, session)
            if found is None:
                await store.insert(session, patient)
            return found or patient

        return await in_transaction(database[0], body)

    answers = await asyncio.gather(*(register(replace(DOMINIQUE, id=letter * 26)) for letter in "abcdefgh"))
    assert len({patient.id for patient in answers}) == 1
    assert await database[1]["patients"].count_documents({}) == 1


async def test_a_changed_person_has_the_next_revision_and_an_older_one_is_not_written_over_it(
    database: tuple[Any, Any], store: PatientStore
) -> None:
    await registered(database, store, DOMINIQUE)
    qualified = replace(DOMINIQUE, status=IdentityStatus.QUALIFIED)
    changed = await in_transaction(database[0], lambda session: store.replace(session, qualified))
    assert changed == replace(qualified, revision=2)
    assert await store.find(DOMINIQUE.id) == changed

    async def late() -> None:
        async with transaction(database[0]) as session:
            await store.replace(session, replace(DOMINIQUE, status=IdentityStatus.VALIDATED))

    with pytest.raises(OperationFailure, match="the person was changed meanwhile") as raised:
        await late()
    assert raised.value.has_error_label("TransientTransactionError")
    assert await store.find(DOMINIQUE.id) == changed


async def test_a_stored_row_holds_no_number_and_no_trait(database: tuple[Any, Any], store: PatientStore) -> None:
    """S9: in none of the forms in which a word could be written down."""
    await registered(database, store, DOMINIQUE)
    row = await database[1]["patients"].find_one({})
    assert row.keys() == {"_id", "ins_index", "search_terms", "identity", "revision"}
    stored = encode(row).lower()
    traits = DOMINIQUE.traits
    for word in (DOMINIQUE.ins.value, traits.birth_family_name, traits.first_given_name, traits.birth_date, traits.used_family_name):
        assert not [form for form in forms(word) if form in stored]
    for word in ("QUALIFIED", "PROVISIONAL", "FEMALE", "birth", "ins_value"):
        assert word.lower().encode() not in stored


async def test_two_persons_with_the_same_traits_are_stored_unlike(database: tuple[Any, Any], store: PatientStore) -> None:
    await registered(database, store, DOMINIQUE, NAMESAKE)
    first, second = [row async for row in database[1]["patients"].find({})]
    assert first["ins_index"] != second["ins_index"]
    assert first["identity"] != second["identity"]


async def test_a_row_with_a_field_in_clear_is_refused_by_the_store(database: tuple[Any, Any], store: PatientStore) -> None:
    await registered(database, store, DOMINIQUE)
    with pytest.raises(WriteError, match="failed validation"):
        await database[1]["patients"].update_one({"_id": DOMINIQUE.id}, {"$set": {"family_name": DOMINIQUE.traits.birth_family_name}})


@pytest.mark.parametrize("edit", ["flipped", "cut", "empty", "another revision", "another id", "another person's", "an earlier one"])
async def test_a_row_that_somebody_changed_is_not_believed(database: tuple[Any, Any], store: PatientStore, edit: str) -> None:
    """C8, S9: nobody is answered, and an alarm names the row by its opaque id."""
    await registered(database, store, DOMINIQUE, NAMESAKE)
    rows = database[1]["patients"]
    earlier = await rows.find_one({"_id": DOMINIQUE.id})
    changed = await in_transaction(database[0], lambda session: store.replace(session, DOMINIQUE))
    row, other = await rows.find_one({"_id": DOMINIQUE.id}), await rows.find_one({"_id": NAMESAKE.id})
    sealed = bytes(row["identity"])
    edits: dict[str, dict[str, Any]] = {
        "flipped": {"identity": Binary(bytes([*sealed[:-1], sealed[-1] ^ 1]))},
        "cut": {"identity": Binary(sealed[:-1])},
        "empty": {"identity": Binary(b"")},
        "another revision": {"revision": changed.revision + 1},
        "another id": {"_id": "c" * 26},
        "another person's": {"identity": other["identity"]},
        "an earlier one": {"identity": earlier["identity"]},
    }
    edited = {**row, **edits[edit]}
    await rows.delete_one({"_id": row["_id"]})
    await rows.insert_one(edited)
    with capture_logs() as logged:
        with pytest.raises(EnvelopeError):
            await store.find(edited["_id"])
        with pytest.raises(EnvelopeError):
            await store.find_by_ins(DOMINIQUE.ins)
    assert [(line["event"], line["log_level"], line["patient"]) for line in logged] == [("patient.seal_broken", "error", edited["_id"])] * 2
    assert await store.find(NAMESAKE.id) == NAMESAKE


async def test_a_person_under_the_index_of_another_ins_is_not_believed(database: tuple[Any, Any], store: PatientStore) -> None:
    """C8: whoever edits the database gets an error, never another person."""
    await registered(database, store, DOMINIQUE, NAMESAKE)
    rows = database[1]["patients"]
    first, second = await rows.find_one_and_delete({"_id": DOMINIQUE.id}), await rows.find_one_and_delete({"_id": NAMESAKE.id})
    await rows.insert_many([{**first, "ins_index": second["ins_index"]}, {**second, "ins_index": first["ins_index"]}])
    for patient in (DOMINIQUE, NAMESAKE):
        with pytest.raises(EnvelopeError):
            await store.find_by_ins(patient.ins)
        with pytest.raises(EnvelopeError):
            await store.find(patient.id)


async def test_everything_that_is_said_of_a_person_is_kept(database: tuple[Any, Any], store: PatientStore) -> None:
    """domain.md 1.1, rules.md 17."""
    await registered(database, store, WHOLE)
    assert await store.find(WHOLE.id) == WHOLE
    assert await store.find_by_ins(WHOLE.ins) == WHOLE
    assert await store.find_by_ins(FORMER) == WHOLE, "a former INS finds her too"
    row = await database[1]["patients"].find_one({})
    assert row is not None
    for word in ("20260100", "acte de décès", "DOUBTFUL", "PASSPORT", "residence_commune", FORMER.value):
        assert not [form for form in forms(word) if form in encode(row).lower()]


async def test_an_ins_that_somebody_bore_is_nobody_elses(database: tuple[Any, Any], store: PatientStore) -> None:
    """domain.md 1.1: of the present and the former ones each stands for one person."""
    await registered(database, store, WHOLE, NAMESAKE)

    async def insert() -> None:
        async with transaction(database[0]) as session:
            await store.insert(session, replace(NAMESAKE, id="c" * 26, ins=FORMER))

    async def take() -> None:
        async with transaction(database[0]) as session:
            await store.replace(session, replace(NAMESAKE, ins=FORMER))

    for write in (insert, take):
        with pytest.raises(OperationFailure, match="the INS was registered meanwhile") as raised:
            await write()
        assert raised.value.has_error_label("TransientTransactionError")
    assert await store.find(NAMESAKE.id) == NAMESAKE


async def test_search_terms_are_stored_beside_her_and_bound_to_her(database: tuple[Any, Any]) -> None:
    """C8: a row with exchanged, added or lost terms does not open."""
    rows = (await open_collections(database[1])).patients
    store = PatientStore(rows, KEYS, terms)
    await registered(database, store, DOMINIQUE, NAMESAKE)
    mine, other = await rows.find_one({"_id": DOMINIQUE.id}), await rows.find_one({"_id": NAMESAKE.id})
    assert mine is not None
    assert other is not None
    assert mine["search_terms"] == sorted(terms(DOMINIQUE))
    assert await PatientStore(rows, KEYS).find(DOMINIQUE.id) == DOMINIQUE, "who reads needs no terms"
    exchanged = {"$set": {"search_terms": other["search_terms"]}}
    joined = {"$set": {"search_terms": [b"".join(mine["search_terms"])]}}
    added: dict[str, Any] = {"$push": {"ins_index": b"i" * 32}}
    lost: dict[str, Any] = {"$unset": {"search_terms": ""}}
    emptied: dict[str, Any] = {"$set": {"search_terms": []}}
    for edit in (exchanged, joined, added, lost, emptied):
        await rows.update_one({"_id": DOMINIQUE.id}, edit)
        with pytest.raises(EnvelopeError):
            await store.find(DOMINIQUE.id)
        await rows.replace_one({"_id": DOMINIQUE.id}, mine)
        assert await store.find(DOMINIQUE.id) == DOMINIQUE


async def test_the_next_revision_has_the_terms_of_what_it_says(database: tuple[Any, Any]) -> None:
    rows = (await open_collections(database[1])).patients
    store = PatientStore(rows, KEYS, lambda patient: [patient.traits.used_family_name.encode()])
    await registered(database, store, DOMINIQUE)
    renamed = replace(DOMINIQUE, traits=replace(DOMINIQUE.traits, used_family_name="AUTRE"))
    await in_transaction(database[0], lambda session: store.replace(session, renamed))
    row = await rows.find_one({})
    assert row is not None
    assert row["search_terms"] == [b"AUTRE"]


async def test_a_row_of_the_first_form_is_read_and_written_anew(database: tuple[Any, Any], store: PatientStore) -> None:
    """Deployability: one index that is no list, no terms, and a text that knows less."""
    index = mac(KEYS.derive("patient-ins-index"), DOMINIQUE.ins.value.encode(), DOMINIQUE.ins.authority.encode())
    said = {"ins": asdict(DOMINIQUE.ins), "traits": asdict(DOMINIQUE.traits) | {"sex": "FEMALE"}, "status": "PROVISIONAL"}
    place = Context("patients", "identity", subject=DOMINIQUE.id, item=index.hex(), version=1)
    sealed = Sealer(KEYS, "patients").seal(json.dumps(said).encode(), place)
    rows = database[1]["patients"]
    await rows.insert_one({"_id": DOMINIQUE.id, "ins_index": Binary(index), "identity": Binary(sealed), "revision": 1})
    first = replace(DOMINIQUE, ins_time=None)
    assert await store.find_by_ins(DOMINIQUE.ins) == first
    changed = await in_transaction(database[0], lambda session: store.replace(session, first))
    assert await store.find_by_ins(DOMINIQUE.ins) == changed == replace(first, revision=2)
    row = await rows.find_one({})
    assert row is not None
    assert (row["ins_index"], row["search_terms"]) == ([index], [])


async def test_other_keys_open_nobody(database: tuple[Any, Any], store: PatientStore) -> None:
    await registered(database, store, DOMINIQUE)
    collections = await open_collections(database[1])
    other_master = PatientStore(collections.patients, MasterKeys({"2026-01-01": b"o" * 32}, b"d" * 32))
    with pytest.raises(EnvelopeError):
        await other_master.find_by_ins(DOMINIQUE.ins)
    other_index = PatientStore(collections.patients, MasterKeys({"2026-01-01": b"m" * 32}, b"o" * 32))
    assert await other_index.find_by_ins(DOMINIQUE.ins) is None
