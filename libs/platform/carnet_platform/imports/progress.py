"""How far an import of files came: one row, under a seal, so that an import that broke off is gone on with.

A newer import takes the row over, and the older one stops at its next batch. A row whose seal is broken is no progress: from the start.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import structlog
from pymongo.errors import DuplicateKeyError

from carnet_platform.clock import Clock
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Collection
from carnet_platform.rows import RowSeals

_ONE: Final = "current"
_HEAD_BYTES: Final = 1024 * 1024
DONE: Final = "done"
_TEXT: Final = {"bsonType": "string"}
_FIELDS: Final[dict[str, Any]] = {
    "_id": _TEXT,
    "files": _TEXT,
    "run": {"bsonType": ["int", "long"], "minimum": 1},
    "phase": _TEXT,
    "position": _TEXT,
    "time": {"bsonType": "date"},
    "seal": {"bsonType": "binData"},
}
VALIDATOR: Final[dict[str, Any]] = {
    "$jsonSchema": {"bsonType": "object", "required": list(_FIELDS), "additionalProperties": False, "properties": _FIELDS}
}
"""What the collection holds."""
_log = structlog.get_logger(__name__)


class SupersededError(Exception):
    """Another import was begun; this one stops."""


def files_key(files: Sequence[Path], salt: str) -> str:
    """What tells one import from another: the size and the first MiB of each file, and what else decides what is done with them."""
    digest = hashlib.sha256(salt.encode())
    for file in files:
        with file.open("rb") as stream:
            head = hashlib.sha256(stream.read(_HEAD_BYTES)).hexdigest()
        digest.update(f"/{file.stat().st_size}:{head}".encode())
    return digest.hexdigest()


class ImportProgress:
    """A collection with one row: the progress of one import, as a phase and a position in it."""

    def __init__(self, imports: Collection, keys: MasterKeys, clock: Clock, files: str, first_phase: str) -> None:
        self._imports = imports
        self._seals = RowSeals(keys, imports.name)
        self._clock = clock
        self._files = files
        self._first_phase = first_phase
        self._run = 0

    async def begin(self) -> tuple[str, str]:
        """Take the row over; give where an import of the same files stopped, or the start."""
        while True:
            found = await self._imports.find_one({"_id": _ONE})
            phase, position = self._first_phase, ""
            if found is not None and self._is_whole(found) and found["files"] == self._files and found["phase"] != DONE:
                phase, position = found["phase"], found["position"]
            self._run = 1 if found is None else int(found["run"]) + 1
            if await self._written(phase, position, None if found is None else int(found["run"])):
                return phase, position

    async def reached(self, phase: str, position: str) -> None:
        """Keep that all up to this position of this phase is stored; SupersededError when another import was begun."""
        if not await self._written(phase, position, self._run):
            raise SupersededError

    async def finish(self) -> None:
        """Keep that all is stored: the same files are imported from the start the next time."""
        await self.reached(DONE, "")

    async def _written(self, phase: str, position: str, run: int | None) -> bool:
        """Whether the row was that of this run."""
        row = self._seals.sealed(
            {"_id": _ONE, "files": self._files, "run": self._run, "phase": phase, "position": position, "time": self._clock.now()}
        )
        if run is None:
            try:
                await self._imports.insert_one(row)
            except DuplicateKeyError:
                return False
            return True
        return (await self._imports.replace_one({"_id": _ONE, "run": run}, row)).matched_count == 1

    def _is_whole(self, found: dict[str, Any]) -> bool:
        is_whole = self._seals.is_whole(found)
        if not is_whole:
            _log.error("import.seal_broken", collection=self._imports.name, row=_ONE)
        return is_whole
