"""Collections of consent: names, validators, indexes."""

from typing import Any, Final

from pymongo import ASCENDING, IndexModel

RECORDS: Final = "records"
FENCES: Final = "fences"
BARRIERS: Final = "barriers"
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
            "state": {"enum": ["ACTIVE", "CLOSED"]},
            "revision": {"bsonType": ["int", "long"], "minimum": 1},
            "consent": {"bsonType": "binData"},
            "seal": {"bsonType": "binData"},
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

RECORDS_INDEXES: Final = [
    # A person has at most one active record; the earlier ones are found by the same index.
    IndexModel([("patient", ASCENDING)], name="one_active", unique=True, partialFilterExpression={"state": "ACTIVE"}),
    IndexModel([("patient", ASCENDING), ("state", ASCENDING)], name="patient"),
]
BARRIERS_INDEXES: Final = [IndexModel([("delete_time", ASCENDING)], name="kept", expireAfterSeconds=0)]
