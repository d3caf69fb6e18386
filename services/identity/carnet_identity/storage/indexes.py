"""The collections of identity: their JSON schemas and indexes, in one place.

A schema refuses a field it does not know, so nothing is stored in clear by oversight. Persons are one sealed blob beside a blind
index; professionals and structures are a public directory and stand in clear, each row under a seal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from carnet_platform.imports.progress import VALIDATOR as PROGRESS
from carnet_platform.mongo import Collection, Database, ensure_collection
from pymongo import ASCENDING, DESCENDING, IndexModel

COMPARISONS_KEPT = timedelta(hours=1)
"""Longer than one can be settled (`first_access.KEPT`); what was decided is an event."""
SEARCHES_KEPT = timedelta(hours=1)
"""As long as one can be settled at most (`IdentitySettings.search_kept`)."""
SESSIONS_KEPT = timedelta(days=1)
"""Longer than any assertion can be exchanged (`IdentitySettings.assertion_longest_age`): a session is the mark of its assertion."""
SENT_CODES_KEPT = timedelta(hours=2)
"""Longer than the hour in which codes are counted (`domain.contact_channel.HOUR`)."""
_TEXT = {"bsonType": "string"}
_BYTES = {"bsonType": "binData"}
_DATE = {"bsonType": "date"}
_DATE_OR_NULL = {"bsonType": ["date", "null"]}
_BYTES_OR_NULL = {"bsonType": ["binData", "null"]}
_NUMBER = {"bsonType": ["int", "long"], "minimum": 1}


@dataclass(frozen=True, slots=True)
class Collections:
    """The open collections."""

    patients: Collection
    patient_searches: Collection
    comparisons: Collection
    professionals: Collection
    structures: Collection
    directory_imports: Collection
    sessions: Collection
    due_withdrawals: Collection
    due_life_news: Collection
    due_mandate_news: Collection
    stops: Collection
    contact_channels: Collection
    sent_codes: Collection
    outbox: Collection
    pushes: Collection
    mandates: Collection
    mandate_barriers: Collection
    hidden_places: Collection


def _exactly(optional: Mapping[str, Mapping[str, Any]] | None = None, **properties: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = {"_id": _TEXT, **properties}
    known = {**fields, **(optional or {})}
    return {"$jsonSchema": {"bsonType": "object", "required": list(fields), "additionalProperties": False, "properties": known}}


_PATIENT = _exactly(
    # Of the present INS and every former one; a row of the first form has one index that is no list, and no terms.
    ins_index={"bsonType": ["array", "binData"], "minItems": 1, "items": _BYTES},
    identity=_BYTES,
    revision=_NUMBER,
    optional={"search_terms": {"bsonType": "array", "items": _BYTES}},
)
_PATIENT_SEARCH = _exactly(content=_BYTES, kept_from=_DATE)
_COMPARISON = _exactly({"about": _BYTES}, content=_BYTES, revision=_NUMBER, kept_from=_DATE)
_ACTIVITIES = {"bsonType": "array", "items": {"bsonType": "object"}}
_PROFESSIONAL = _exactly(rpps=_TEXT, family_name=_TEXT, given_name=_TEXT, title=_TEXT, activities=_ACTIVITIES, seal=_BYTES)
# `finess` holds a structure's key, which is its FINESS where it has one (domain/directory.py, structure_key).
_STRUCTURE = _exactly(finess=_TEXT, entity_finess=_TEXT, siren=_TEXT, siret=_TEXT, display_name=_TEXT, seal=_BYTES)
_SESSION = _exactly(
    subject=_TEXT,
    role=_TEXT,
    organisation=_TEXT,
    purpose=_TEXT,
    specialty=_TEXT,
    software=_TEXT,
    presenter=_TEXT,
    begin_time=_DATE,
    expire_time=_DATE,
    assertion_time=_DATE_OR_NULL,
    assertion_mark=_BYTES_OR_NULL,
    revoke_time=_DATE_OR_NULL,
    kept_from=_DATE,
)
_STOPS = _exactly(revision=_NUMBER, stops={"bsonType": "array", "items": _TEXT}, seal=_BYTES)
_DUE_WITHDRAWAL = _exactly(request_id=_TEXT, expire_time=_DATE, is_told={"bsonType": "bool"}, refusals={"bsonType": ["int", "long"]})

_DUE_LIFE_NEWS = _exactly(request_id=_TEXT, refusals={"bsonType": ["int", "long"]})
_CONTACT_CHANNELS = _exactly(channels=_BYTES, revision=_NUMBER)
_SENT_CODES = _exactly(times={"bsonType": "array", "items": _DATE}, counted_from=_DATE)
_OUTBOX = _exactly(
    patient=_TEXT,
    channel=_TEXT,
    letter=_BYTES,
    due=_DATE,
    expire_time=_DATE,
    attempts={"bsonType": ["int", "long"], "minimum": 0},
    is_withheld={"bsonType": "bool"},
)
_MANDATE = _exactly(holder=_BYTES, mandatary=_BYTES, due=_BYTES, content=_BYTES, revision=_NUMBER)
_MANDATE_BARRIER = _exactly(reads=_NUMBER, time=_DATE)
_HIDDEN_PLACES = _exactly(content=_BYTES, revision=_NUMBER)


async def open_collections(database: Database) -> Collections:
    """The collections with their validators and indexes, made or brought up to date."""
    return Collections(
        patients=await ensure_collection(
            database,
            "patients",
            validator=_PATIENT,
            indexes=[
                IndexModel([("ins_index", ASCENDING)], name="ins", unique=True),
                IndexModel([("search_terms", ASCENDING)], name="search_terms"),
            ],
        ),
        patient_searches=await ensure_collection(
            database,
            "patient_searches",
            validator=_PATIENT_SEARCH,
            indexes=[IndexModel([("kept_from", ASCENDING)], name="kept", expireAfterSeconds=int(SEARCHES_KEPT.total_seconds()))],
        ),
        comparisons=await ensure_collection(
            database,
            "comparisons",
            validator=_COMPARISON,
            indexes=[
                IndexModel([("kept_from", ASCENDING)], name="kept", expireAfterSeconds=int(COMPARISONS_KEPT.total_seconds())),
                IndexModel([("about", ASCENDING), ("kept_from", DESCENDING)], name="about"),
            ],
        ),
        professionals=await ensure_collection(
            database, "professionals", validator=_PROFESSIONAL, indexes=[IndexModel([("rpps", ASCENDING)], name="rpps", unique=True)]
        ),
        structures=await ensure_collection(
            database, "structures", validator=_STRUCTURE, indexes=[IndexModel([("finess", ASCENDING)], name="finess", unique=True)]
        ),
        directory_imports=await ensure_collection(database, "directory_imports", validator=PROGRESS),
        sessions=await ensure_collection(
            database,
            "sessions",
            validator=_SESSION,
            indexes=[
                IndexModel([("assertion_time", DESCENDING)], name="assertion_time"),
                IndexModel(
                    [("assertion_mark", ASCENDING)],
                    name="assertion_once",
                    unique=True,
                    partialFilterExpression={"assertion_mark": {"$type": "binData"}},
                ),
                IndexModel([("kept_from", ASCENDING)], name="kept", expireAfterSeconds=int(SESSIONS_KEPT.total_seconds())),
            ],
        ),
        due_withdrawals=await ensure_collection(database, "due_withdrawals", validator=_DUE_WITHDRAWAL),
        due_life_news=await ensure_collection(database, "due_life_news", validator=_DUE_LIFE_NEWS),
        due_mandate_news=await ensure_collection(database, "due_mandate_news", validator=_DUE_LIFE_NEWS),
        stops=await ensure_collection(database, "stops", validator=_STOPS),
        mandates=await ensure_collection(
            database,
            "mandates",
            validator=_MANDATE,
            indexes=[IndexModel([(name, ASCENDING)], name=name) for name in ("holder", "mandatary", "due")],
        ),
        mandate_barriers=await ensure_collection(
            database,
            "mandate_barriers",
            validator=_MANDATE_BARRIER,
            indexes=[IndexModel([("time", ASCENDING)], name="kept", expireAfterSeconds=int(timedelta(days=1).total_seconds()))],
        ),
        hidden_places=await ensure_collection(database, "hidden_places", validator=_HIDDEN_PLACES),
        contact_channels=await ensure_collection(database, "contact_channels", validator=_CONTACT_CHANNELS),
        sent_codes=await ensure_collection(
            database,
            "sent_codes",
            validator=_SENT_CODES,
            indexes=[IndexModel([("counted_from", ASCENDING)], name="kept", expireAfterSeconds=int(SENT_CODES_KEPT.total_seconds()))],
        ),
        outbox=await _open_outbox(database, "outbox"),
        pushes=await _open_outbox(database, "pushes"),
    )


async def _open_outbox(database: Database, name: str) -> Collection:
    return await ensure_collection(
        database,
        name,
        validator=_OUTBOX,
        indexes=[
            IndexModel([("is_withheld", ASCENDING), ("due", ASCENDING)], name="due"),
            IndexModel([("expire_time", ASCENDING)], name="expire_time"),
            IndexModel([("patient", ASCENDING), ("channel", ASCENDING)], name="channel"),
        ],
    )
