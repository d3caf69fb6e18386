"""A hundred thousand invented persons, put into identity's own store by identity's own code, in bulk.

Names are spread as unevenly as names are, dates over ninety years, towns by size. They are made once and kept in the bench's folder. Only
the storage is used, not the service: nothing is recorded of them, since nobody registered them.
"""

import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import accumulate

from carnet_dev.plan import Plan
from carnet_identity.domain.identity_status import IdentityStatus
from carnet_identity.domain.ins import NIR_TEST, Ins, key_of
from carnet_identity.domain.patient import Patient
from carnet_identity.domain.traits import Sex, Traits
from carnet_identity.storage.indexes import open_collections
from carnet_identity.storage.patients import PatientStore
from carnet_identity.storage.search_terms import SearchTerms
from carnet_platform import mongo
from carnet_platform.keys import MasterKeys
from pymongo import WriteConcern
from pymongo.errors import NetworkTimeout

BATCH, TRIES = 500, 30
TERMS_INDEX = "search_terms"
FAMILIES, GIVEN_NAMES, TOWNS = 5_000, 400, 2_000
_SYLLABLES = [first + second for first in "BCDFGLMNPRSTV" for second in ("A", "E", "I", "O", "U", "AN", "IN", "OU", "ER")]
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def _word(number: int) -> str:
    """The `number`-th invented name."""
    size = len(_SYLLABLES)
    return _SYLLABLES[number % size] + _SYLLABLES[number // size % size] + _SYLLABLES[(number // size**2 + number) % size]


def _uneven(count: int) -> list[float]:
    """Weights of which the first are the greatest, added up."""
    return list(accumulate(1 / (place + 5) for place in range(count)))


_FAMILY, _GIVEN, _TOWN = _uneven(FAMILIES), _uneven(GIVEN_NAMES), _uneven(TOWNS)


def invented(number: int) -> Patient:
    """The `number`-th person, the same in every run; fewer than a million."""
    chance = random.Random(number)
    given = [_word(9_000 + place) for place in chance.choices(range(GIVEN_NAMES), cum_weights=_GIVEN, k=3)]
    birth, residence = (f"{10_000 + 7 * place % 85_000:05}" for place in chance.choices(range(TOWNS), cum_weights=_TOWN, k=2))
    family, used = (_word(place) for place in chance.choices(range(FAMILIES), cum_weights=_FAMILY, k=2))
    thirteen = f"1{chance.randrange(100):02}{chance.randrange(1, 13):02}{chance.randrange(10, 95)}{number // 1000:03}{number % 1000:03}"
    return Patient(
        id=numbered(number),
        ins=Ins(thirteen + key_of(thirteen), NIR_TEST),
        traits=Traits(
            birth_family_name=family,
            first_given_name=given[0],
            given_names=" ".join(given),
            birth_date=f"{chance.randrange(1930, 2020)}{chance.randrange(1, 13):02}{chance.randrange(1, 29):02}",
            sex=Sex.FEMALE,
            birth_place=birth,
            used_family_name=used if number % 4 == 0 else "",
        ),
        status=IdentityStatus.QUALIFIED,
        residence_commune=residence,
    )


@asynccontextmanager
async def _store(plan: Plan) -> AsyncIterator[mongo.Database]:
    url = (plan.folder / "urls" / "identity" / "mongo_url").read_text(encoding="utf-8").strip()
    client = mongo.open_client(url, "pymongo", pool_size=4)
    try:
        yield client.get_default_database()
    finally:
        await mongo.close(client)


async def are_more_than(plan: Plan, count: int) -> bool:
    """Whether more than the first `count` invented persons lie in identity's store."""
    async with _store(plan) as database:
        return await database["patients"].find_one({"_id": numbered(count)}, {"_id": 1}) is not None


async def put_in(plan: Plan, count: int, say: Callable[[str], None]) -> None:
    """See to it that the first `count` invented persons lie in identity's store."""
    async with _store(plan) as database:
        await _put_in(database, MasterKeys.load(plan.folder / "keys" / "identity"), count, say)


async def _put_in(database: mongo.Database, keys: MasterKeys, count: int, say: Callable[[str], None]) -> None:
    # One member's memory is enough for what can be made again.
    collection = (await open_collections(database)).patients.with_options(write_concern=WriteConcern(1))
    held = {row["_id"] async for row in collection.find({}, {"_id": 1})}
    missing = [number for number in range(count) if numbered(number) not in held]
    if not missing:
        return
    say(f"{len(missing)} persons are put into identity's store")
    began = time.monotonic()
    terms = SearchTerms(keys)
    store = PatientStore(collection, keys, terms.of)
    # Made anew at the end, in one go: kept up to date row by row it takes most of the time.
    await collection.drop_index(TERMS_INDEX)
    try:
        for start in range(0, len(missing), BATCH):
            batch = [invented(number) for number in missing[start : start + BATCH]]
            rows = [{"_id": patient.id, **store._closed(patient, terms.of(patient))} for patient in batch]
            await collection.insert_many(rows, ordered=False)
        say(f"they are there after {time.monotonic() - began:.0f} s")
    finally:
        await _indexed(collection)
    say(f"and indexed after {time.monotonic() - began:.0f} s")


async def _indexed(collection: mongo.Collection) -> None:
    # It may take longer than a socket waits: whoever asks again waits for the same.
    for _ in range(TRIES):
        with contextlib.suppress(NetworkTimeout):
            await collection.create_index(TERMS_INDEX, name=TERMS_INDEX)
            return
    raise RuntimeError("the index of the bench's persons is not made")


def numbered(number: int) -> str:
    """The `number`-th invented identifier."""
    return "".join(_ALPHABET[number // 32**power % 32] for power in range(26))
