"""Collections of consent: names, validators, indexes."""

from typing import Any, Final

from pymongo import ASCENDING, IndexModel

RECORDS: Final = "records"
FENCES: Final = "fences"
BARRIERS: Final = "barriers"

RECORDS_VALIDATOR: Final[dict[str, Any]] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "patient", "state", "revision", "consent", "seal"],
        "additionalProperties": False,
        "properties": {
            "_id": {"bsonType": "string", "pattern": "^records/"},
            "patient": {"bsonType": "string", "pattern": "^patients/"},
            "state": {"enum": ["ACTIVE", "CLOSED"]},
            "revision": {"bsonType": ["int", "long"], "minimum": 1},
            "consent": {"bsonType": "binData"},
            "seal": {"bsonType": "binData"},
        },
    }
}

FENCES_VALIDATOR: Final[dict[str, Any]] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "position"],
        "additionalProperties": False,
        "properties": {
            "_id": {"bsonType": "string"},
            "position": {"bsonType": ["int", "long"], "minimum": 0},
            "expire_time": {"bsonType": "date"},
            "delete_time": {"bsonType": "date"},
        },
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

RECORDS_INDEXES: Final = [
    # A person has at most one active record; the earlier ones are found by the same index.
    IndexModel([("patient", ASCENDING)], name="one_active", unique=True, partialFilterExpression={"state": "ACTIVE"}),
    IndexModel([("patient", ASCENDING), ("state", ASCENDING)], name="patient"),
]
FENCES_INDEXES: Final = [IndexModel([("delete_time", ASCENDING)], name="kept", expireAfterSeconds=0)]
BARRIERS_INDEXES: Final = [IndexModel([("delete_time", ASCENDING)], name="kept", expireAfterSeconds=0)]
