"""The collections of identity: their JSON schemas and indexes, in one place.

A schema refuses a field it does not know, so nothing is stored in clear by oversight. Persons are one sealed blob beside a blind
index; professionals and structures are a public directory and stand in clear, each row under a seal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from carnet_platform.mongo import Collection, Database, ensure_collection
from pymongo import ASCENDING, DESCENDING, IndexModel

SESSIONS_KEPT = timedelta(days=1)
"""Longer than any assertion can be exchanged (`IdentitySettings.assertion_longest_age`): a session is the mark of its assertion."""
_TEXT = {"bsonType": "string"}
_TEXTS = {"bsonType": "array", "items": _TEXT}
_BYTES = {"bsonType": "binData"}
_DATE = {"bsonType": "date"}
_DATE_OR_NULL = {"bsonType": ["date", "null"]}
_BYTES_OR_NULL = {"bsonType": ["binData", "null"]}
_NUMBER = {"bsonType": ["int", "long"], "minimum": 1}


@dataclass(frozen=True, slots=True)
class Collections:
    """The open collections."""

    patients: Collection
    professionals: Collection
    structures: Collection
    sessions: Collection
    due_withdrawals: Collection


def _exactly(**properties: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = {"_id": _TEXT, **properties}
    return {"$jsonSchema": {"bsonType": "object", "required": list(fields), "additionalProperties": False, "properties": fields}}


_PATIENT = _exactly(ins_index=_BYTES, identity=_BYTES, revision=_NUMBER)
_PROFESSIONAL = _exactly(
    rpps=_TEXT,
    family_name=_TEXT,
    given_name=_TEXT,
    title=_TEXT,
    profession=_TEXT,
    specialty=_TEXT,
    structures=_TEXTS,
    seal=_BYTES,
)
_STRUCTURE = _exactly(finess=_TEXT, display_name=_TEXT, seal=_BYTES)
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
_DUE_WITHDRAWAL = _exactly(request_id=_TEXT, expire_time=_DATE, is_told={"bsonType": "bool"}, refusals={"bsonType": ["int", "long"]})


async def open_collections(database: Database) -> Collections:
    """The collections with their validators and indexes, made or brought up to date."""
    return Collections(
        patients=await ensure_collection(
            database, "patients", validator=_PATIENT, indexes=[IndexModel([("ins_index", ASCENDING)], name="ins", unique=True)]
        ),
        professionals=await ensure_collection(
            database, "professionals", validator=_PROFESSIONAL, indexes=[IndexModel([("rpps", ASCENDING)], name="rpps", unique=True)]
        ),
        structures=await ensure_collection(
            database, "structures", validator=_STRUCTURE, indexes=[IndexModel([("finess", ASCENDING)], name="finess", unique=True)]
        ),
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
    )
