"""Collections of the documents service: validators and indexes.

``documents``: one MongoDB document each: a small projection, sealed metadata, wrapped key, ciphertext up to 1 MiB (last, so that
queries need not walk past it). ``versions``: the newest version of each changed document of a record. ``chunks``: 1 MiB parts of larger
content, as many as the sealed size needs. ``uploads``: chunks that no document owns yet.
``additions``: documents of which consent is still to be told, for seconds.
``record_keys``, in a second database with a user and backups of its own: one wrapped key a record.
"""

from collections.abc import Mapping
from typing import Any

from carnet_platform.mongo import Collection, Database, ensure_collection
from pymongo import ASCENDING, DESCENDING, IndexModel


def _schema(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    properties = {name: {"bsonType": kind} for name, kind in {**required, **(optional or {})}.items()}
    return {"$jsonSchema": {"bsonType": "object", "required": list(required), "additionalProperties": False, "properties": properties}}


_DOCUMENT = _schema(
    {
        "_id": "string",
        "record": "string",
        "class": "string",
        "type": "string",
        "format": "string",
        "status": "string",
        "masked": "bool",
        "patient_from": ["date", "null"],
        "hidden_from_representatives": "bool",
        "depositor": "binData",
        "structure": "binData",
        "created": "date",
        "first_deposit": "date",
        "replaced_by": "string",
        "version": ["int", "long"],
        "seal": "binData",
        "deposit": "binData",
        "unique": "binData",
        "content_mac": "binData",
        "key": "binData",
        "metadata": "binData",
    },
    {"masked_from": "date", "content": "binData"},
)
_VERSIONS = _schema({"_id": "string", "versions": "object", "seal": "binData"})
_CHUNK = _schema({"_id": "string", "document": "string", "content": "binData"})
_UPLOAD = _schema({"_id": "string", "record": "string", "started": "date", "abandoned": "bool"})
_ADDITION = _schema(
    {"_id": "string", "record": "string", "content": "binData", "due": "date", "batch": "string", "attempts": ["int", "long"]}
)
_RECORD_KEY = _schema({"_id": "string", "wrapped": "binData"})


async def open_documents(database: Database) -> Collection:
    """Collection ``documents``."""
    indexes = [
        IndexModel([("record", ASCENDING), ("created", DESCENDING), ("_id", DESCENDING)], name="newest"),
        IndexModel([("record", ASCENDING), ("deposit", ASCENDING)], name="deposit", unique=True),
    ]
    return await ensure_collection(database, "documents", validator=_DOCUMENT, indexes=indexes)


async def open_versions(database: Database) -> Collection:
    """Collection ``versions``; ``_id`` is the record."""
    return await ensure_collection(database, "versions", validator=_VERSIONS)


async def open_chunks(database: Database) -> Collection:
    """Collection ``chunks``; ``_id`` is ``<document>/<number in four digits>``."""
    return await ensure_collection(database, "chunks", validator=_CHUNK)


async def open_uploads(database: Database) -> Collection:
    """Collection ``uploads``: few documents, each short-lived."""
    return await ensure_collection(database, "uploads", validator=_UPLOAD)


async def open_additions(database: Database) -> Collection:
    """Collection ``additions``; ``_id`` is the document."""
    indexes = [
        IndexModel([("due", ASCENDING)], name="due"),
        IndexModel([("record", ASCENDING), ("batch", ASCENDING)], name="record"),
        IndexModel([("batch", ASCENDING)], name="batch"),
    ]
    return await ensure_collection(database, "additions", validator=_ADDITION, indexes=indexes)


async def open_record_keys(database: Database) -> Collection:
    """Collection ``record_keys``."""
    return await ensure_collection(database, "record_keys", validator=_RECORD_KEY)
