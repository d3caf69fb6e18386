"""Collections of consent: names, validators, indexes."""

from typing import Any, Final

from pymongo import ASCENDING, DESCENDING, IndexModel

RECORDS: Final = "records"
FENCES: Final = "fences"
BARRIERS: Final = "barriers"
HISTORY: Final = "history"
REVIEWS: Final = "emergency_reviews"
TOLD: Final = "told"
OPENINGS: Final = "openings"
RECORD_IMPORTS: Final = "record_imports"
POSITION: Final = "position"
"""The one row of `fences` that is no withdrawal."""

RECORDS_VALIDATOR: Final[dict[str, Any]] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "patient", "state", "revision", "consent", "seal"],
        "additionalProperties": False,
        "properties": {
            "_id": {"bsonType": "string", "pattern": "^records/"},
            "patient": {"bsonType": "string", "pattern": "^patients/"},
            "state": {"enum": ["ACTIVE", "CLOSED", "ANNOUNCED", "OPPOSED", "DESTROYING", "DESTROYED"]},
            "revision": {"bsonType": ["int", "long"], "minimum": 1},
            "consent": {"bsonType": "binData"},
            "seal": {"bsonType": "binData"},
            # When time changes it next, in microseconds since 1970: absent when nothing waits for time.
            "due": {"bsonType": ["int", "long"], "minimum": 0},
        },
    }
}

_NUMBER: Final = {"bsonType": ["int", "long"], "minimum": 0}
_DATE: Final = {"bsonType": "date"}


def _sealed_row(name: dict[str, Any], **fields: dict[str, Any]) -> dict[str, Any]:
    properties = {"_id": name, "position": _NUMBER, **fields, "seal": {"bsonType": "binData"}}
    return {"bsonType": "object", "required": list(properties), "additionalProperties": False, "properties": properties}


FENCES_VALIDATOR: Final[dict[str, Any]] = {
    "$jsonSchema": {
        "oneOf": [
            _sealed_row({"enum": [POSITION]}, total=_NUMBER, purged_until=_DATE),
            _sealed_row({"bsonType": "string", "pattern": "/"}, expire_time=_DATE, keep_until=_DATE),
        ]
    }
}

BARRIERS_VALIDATOR: Final[dict[str, Any]] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "reads", "delete_time"],
        "additionalProperties": False,
        "properties": {
            "_id": {"bsonType": "string"},
            "reads": {"bsonType": ["int", "long"]},
            "delete_time": {"bsonType": "date"},
        },
    }
}

_TEXT: Final = {"bsonType": "string"}
_REVIEW: Final[dict[str, Any]] = {
    "_id": {"bsonType": "string", "pattern": "^records/[^/]+/emergencyEpisodes/"},
    "record": {"bsonType": "string", "pattern": "^records/"},
    "professional": {"bsonType": "string", "pattern": "^professionals/"},
    "structure": {"bsonType": "string", "pattern": "^structures/"},
    "begin": _DATE,
    "end": _DATE,
    "due": _DATE,
    "state": {"enum": ["DUE", "JUSTIFIED", "NOT_JUSTIFIED"]},
    "is_told": {"bsonType": "bool"},
    "uses": _NUMBER,
    "motive": _TEXT,
    "text": _TEXT,
    "seal": {"bsonType": "binData"},
}
REVIEWS_VALIDATOR: Final[dict[str, Any]] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": list(_REVIEW),
        "additionalProperties": False,
        "properties": {**_REVIEW, "reviewer": _TEXT, "concluded": _DATE},
    }
}

HISTORY_VALIDATOR: Final[dict[str, Any]] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "record", "start", "previous", "consent", "seal"],
        "additionalProperties": False,
        "properties": {
            "_id": {"bsonType": "string", "pattern": "^records/[^#]+#[0-9]{12}$"},
            "record": {"bsonType": "string", "pattern": "^records/"},
            # From when it held, in microseconds since 1970.
            "start": {"bsonType": ["int", "long"], "minimum": 0},
            "previous": {"bsonType": ["int", "long"], "minimum": 0},
            "consent": {"bsonType": "binData"},
            "seal": {"bsonType": "binData"},
        },
    }
}
HISTORY_INDEXES: Final = [IndexModel([("record", ASCENDING), ("_id", ASCENDING), ("start", ASCENDING)], name="of_a_record")]

GRANTS: Final = "grants"
GRANTS_VALIDATOR: Final[dict[str, Any]] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "grantee", "since", "record"],
        "additionalProperties": False,
        "properties": {
            "_id": {"bsonType": "binData"},
            "grantee": {"bsonType": "binData"},
            "since": {"bsonType": ["int", "long"], "minimum": 0},
            "record": {"bsonType": "binData"},
        },
    }
}
GRANTS_INDEXES: Final = [IndexModel([("grantee", ASCENDING), ("since", DESCENDING), ("_id", ASCENDING)], name="grantee")]

RECORDS_INDEXES: Final = [
    # A person has one record, whatever its state: a second one beside a closed or opposed one would shed what she stated there. One that
    # is destroyed states nothing any more.
    IndexModel(
        [("patient", ASCENDING)],
        name="one_kept_of_a_person",
        unique=True,
        partialFilterExpression={"state": {"$in": ["ACTIVE", "CLOSED", "ANNOUNCED", "OPPOSED", "DESTROYING"]}},
    ),
    # Those that are closed, by when they are purged: one that was closed before that was noted stands first, without.
    IndexModel([("state", ASCENDING), ("due", ASCENDING)], name="closed", partialFilterExpression={"state": "CLOSED"}),
    IndexModel([("due", ASCENDING), ("_id", ASCENDING)], name="due", partialFilterExpression={"due": {"$exists": True}}),
    IndexModel([("patient", ASCENDING), ("state", ASCENDING)], name="patient"),
]
BARRIERS_INDEXES: Final = [IndexModel([("delete_time", ASCENDING)], name="kept", expireAfterSeconds=0)]
REVIEWS_INDEXES: Final = [
    # What is awaited, the earliest due first; and who began how many lately.
    IndexModel([("due", ASCENDING), ("_id", ASCENDING)], name="awaited", partialFilterExpression={"state": "DUE"}),
    IndexModel([("begin", ASCENDING), ("professional", ASCENDING), ("structure", ASCENDING)], name="begun"),
]
TOLD_VALIDATOR: Final[dict[str, Any]] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "time"],
        "additionalProperties": False,
        "properties": {"_id": _TEXT, "time": _DATE},
    }
}
TOLD_INDEXES: Final = [IndexModel([("time", ASCENDING)], name="kept", expireAfterSeconds=3 * 86_400)]

NOTICES: Final = "notices"
NOTICES_VALIDATOR: Final[dict[str, Any]] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "recipient", "place", "is_for_representatives", "time", "content", "delivery", "due", "tried_from"],
        "additionalProperties": False,
        "properties": {
            "_id": {"bsonType": "string", "pattern": "^[a-z2-7]{26}$"},
            "recipient": {"bsonType": "binData"},
            "place": {"bsonType": "binData"},
            "is_for_representatives": {"bsonType": "bool"},
            "time": _DATE,
            "content": {"bsonType": "binData"},
            "readers": {"bsonType": "array", "items": {"bsonType": "binData"}},
            "delivery": {"enum": ["NONE", "WAITING", "DELIVERED", "NO_ADDRESS", "GIVEN_UP"]},
            "due": _DATE,
            "tried_from": _DATE,
            "attempts": _NUMBER,
            "keep_until": _DATE,
        },
    }
}
NOTICES_INDEXES: Final = [
    # An inbox, newest first.
    IndexModel([("recipient", ASCENDING), ("time", DESCENDING), ("_id", DESCENDING)], name="inbox"),
    IndexModel([("delivery", ASCENDING), ("due", ASCENDING)], name="due"),
    IndexModel([("keep_until", ASCENDING)], name="kept", expireAfterSeconds=0),
]
OPENINGS_VALIDATOR: Final[dict[str, Any]] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "count", "time"],
        "additionalProperties": False,
        "properties": {"_id": _TEXT, "count": _NUMBER, "time": _DATE},
    }
}
DESTRUCTION_CODES: Final = "destruction_codes"
DESTRUCTION_CODES_VALIDATOR: Final[dict[str, Any]] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "mark", "expire_time", "tries", "sent_times", "keep_until"],
        "additionalProperties": False,
        "properties": {
            "_id": {"bsonType": "string", "pattern": "^records/"},
            "mark": {"bsonType": "binData"},
            "expire_time": _DATE,
            "tries": _NUMBER,
            "sent_times": {"bsonType": "array", "items": _DATE},
            "keep_until": _DATE,
        },
    }
}
DESTRUCTION_CODES_INDEXES: Final = [IndexModel([("keep_until", ASCENDING)], name="kept", expireAfterSeconds=0)]
CARE_CONTACTS: Final = "care_contacts"
CARE_CONTACTS_VALIDATOR: Final[dict[str, Any]] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "pair", "until", "time"],
        "additionalProperties": False,
        "properties": {"_id": _TEXT, "pair": _TEXT, "until": _DATE, "time": _DATE},
    }
}
CARE_CONTACTS_INDEXES: Final = [
    IndexModel([("pair", ASCENDING), ("until", DESCENDING)], name="pair"),
    IndexModel([("time", ASCENDING)], name="kept", expireAfterSeconds=3 * 86_400),
]
OPENINGS_INDEXES: Final = [IndexModel([("time", ASCENDING)], name="kept", expireAfterSeconds=3 * 86_400)]
