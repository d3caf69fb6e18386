"""Every collection of the log, with its validator and indexes. No other module names a collection.

The keys of records are in a database of their own where the operator gives one, so that a copy of the log opens nothing.
"""

from dataclasses import dataclass
from typing import Any, Final

from carnet_platform.mongo import Client, Collection, Database, ensure_collection
from pymongo import ASCENDING, DESCENDING, IndexModel

_TEXT: Final = {"bsonType": "string"}
_BYTES: Final = {"bsonType": "binData"}
_DATE: Final = {"bsonType": "date"}
_BOOL: Final = {"bsonType": "bool"}
_NUMBER: Final = {"bsonType": ["int", "long"], "minimum": 0}


def _shape(optional: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:  # noqa: ANN401  a piece of JSON schema
    return {
        "$jsonSchema": {
            "bsonType": "object",
            "required": [name for name in properties if name not in optional] + ["_id"],
            "additionalProperties": False,
            "properties": {"_id": _TEXT, **properties},
        }
    }


STREAMS: Final = _shape(
    service=_TEXT, public_key=_BYTES, next_seq=_NUMBER, head=_BYTES, is_closed=_BOOL, heard_time=_DATE, arrive_time=_DATE, is_alarmed=_BOOL
)
"""Streams by identifier: who may append, the number and chain head expected next, when it was last heard."""

SUBJECTS: Final = _shape(expected=_NUMBER, arrive_time=_DATE)
"""Subjects of changes, `<service>/<subject>`: the next revision expected."""

EVENTS: Final = _shape(
    ("leaf",),
    producer=_TEXT,
    number=_NUMBER,
    record=_TEXT,
    kind=_TEXT,
    time=_TEXT,
    hidden_from={"bsonType": "array", "items": _TEXT},
    commitment=_BYTES,
    sealed=_BYTES,
    state={"enum": ["waiting", "pending", "logged"]},
    arrive_time=_DATE,
    leaf=_NUMBER,
)
"""Events by producer and number: salt and text, sealed under the record's key; what lies beside them serves to find, never to prove."""

LEAVES: Final = _shape(
    ("tags",),
    leaf=_BYTES,
    nodes={"bsonType": "array", "items": _BYTES, "minItems": 1},
    event=_TEXT,
    tags={"bsonType": "array", "items": _BYTES, "minItems": 1},
    seal=_BYTES,
)
"""Leaves by `<shard>/<index>`: the encoded leaf, the nodes it completed, level 0 first, and a tag for each line it gave, if any.
Nothing is ever changed here."""

LINES: Final = _shape(record=_TEXT, view=_TEXT, number=_NUMBER, leaf=_NUMBER, event=_TEXT)
"""Lines of histories by `<record>/<view>/<number>`."""

HEADS: Final = _shape(patient=_NUMBER, representatives=_NUMBER, leaf=_NUMBER, seal=_BYTES)
"""How many lines each view of a record has, and the leaf that gave the last."""

TERMS: Final = _shape(term=_NUMBER, beat=_NUMBER, size=_NUMBER, checkpoint=_NUMBER)
"""One document a shard: whose turn it is, and how far the log is. Every write of a sequencer filters on it."""

CHECKPOINTS: Final = _shape(("note",), shard=_TEXT, number=_NUMBER, size=_NUMBER, body=_TEXT, note=_TEXT, seal=_BYTES)
"""Checkpoints by `<shard>/<number>`; without a note until signed."""

RECORD_KEYS: Final = _shape(wrapped=_BYTES)
"""The wrapped key of each record's events."""


@dataclass(frozen=True)
class Collections:
    """The collections, open."""

    client: Client
    streams: Collection
    subjects: Collection
    events: Collection
    leaves: Collection
    lines: Collection
    heads: Collection
    terms: Collection
    checkpoints: Collection
    record_keys: Collection


async def open_collections(client: Client, database: Database, key_database: Database) -> Collections:
    """Make or update every collection; `key_database` may be `database`."""
    pending = IndexModel([("arrive_time", ASCENDING), ("_id", ASCENDING)], name="pending", partialFilterExpression={"state": "pending"})
    waiting = IndexModel([("producer", ASCENDING), ("number", ASCENDING)], name="waiting", partialFilterExpression={"state": "waiting"})
    signed = IndexModel([("shard", ASCENDING), ("number", DESCENDING)], name="newest")
    tagged = IndexModel([("tags", ASCENDING)], name="line", sparse=True)
    changed = IndexModel([("arrive_time", DESCENDING)], name="recent")
    open_streams = IndexModel([("heard_time", ASCENDING)], name="silent", partialFilterExpression={"is_closed": False})
    return Collections(
        client=client,
        streams=await ensure_collection(database, "intake_streams", validator=STREAMS, indexes=[open_streams]),
        subjects=await ensure_collection(database, "intake_subjects", validator=SUBJECTS, indexes=[changed]),
        events=await ensure_collection(database, "events", validator=EVENTS, indexes=[pending, waiting]),
        leaves=await ensure_collection(database, "leaves", validator=LEAVES, indexes=[tagged]),
        lines=await ensure_collection(database, "lines", validator=LINES),
        heads=await ensure_collection(database, "heads", validator=HEADS),
        terms=await ensure_collection(database, "terms", validator=TERMS),
        checkpoints=await ensure_collection(database, "checkpoints", validator=CHECKPOINTS, indexes=[signed]),
        record_keys=await ensure_collection(key_database, "record_keys", validator=RECORD_KEYS),
    )
