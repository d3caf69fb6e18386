"""Seals of rows that stand in clear: an HMAC over every field, the id included, under a key outside the database.

Promises that a row which somebody edited, made up, or moved to another id is noticed by whoever reads it. It does not notice a row that
was deleted, or set back to an earlier state with its seal: who relies on that must count the rows or their revisions.
"""

import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from carnet_platform.envelope import mac
from carnet_platform.keys import MasterKeys

SEAL: Final = "seal"
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


class RowSeals:
    """Makes and checks the seals of one collection.

    Its rows hold texts, whole numbers, instants, truth values, and lists and objects of these.
    """

    def __init__(self, keys: MasterKeys, collection: str) -> None:
        self._key = keys.derive("row-seal", collection)

    def sealed(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the row with its seal, in place of the one it may have."""
        return {**row, SEAL: self._over(row)}

    def is_whole(self, row: Mapping[str, Any]) -> bool:
        """Tell whether a stored row is one that was sealed here, every field of it."""
        seal = row.get(SEAL)
        try:
            return isinstance(seal, bytes) and hmac.compare_digest(seal, self._over(row))
        except TypeError:  # a kind of value that is never sealed
            return False

    def _over(self, row: Mapping[str, Any]) -> bytes:
        fields = {name: value for name, value in row.items() if name != SEAL}
        return mac(self._key, _ENCODER.encode(fields).encode())


def _milliseconds(value: object) -> dict[str, int]:
    # As the store keeps an instant, so that a row is sealed alike before and after it was stored.
    if not isinstance(value, datetime):
        raise TypeError("a kind of value that is never sealed")
    return {"$ms": (value - _EPOCH) // timedelta(milliseconds=1)}


# Made once: an import seals a row after the other.
_ENCODER: Final = json.JSONEncoder(sort_keys=True, check_circular=False, default=_milliseconds)
