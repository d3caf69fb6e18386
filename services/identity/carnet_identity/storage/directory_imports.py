"""How far the import of the national directory came: one row, under a seal, so that an import that broke off is gone on with.

A newer import takes the row over, and the older one stops at its next batch. A row whose seal is broken is no progress: from the start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import structlog
from carnet_platform.clock import Clock
from carnet_platform.keys import MasterKeys
from carnet_platform.mongo import Collection
from carnet_platform.rows import RowSeals
from pymongo.errors import DuplicateKeyError

_ONE: Final = "current"
_HEAD_BYTES: Final = 1024 * 1024
DONE: Final = "done"
_log = structlog.get_logger(__name__)


class SupersededError(Exception):
    """Another import of the directory was begun; this one stops."""


def files_key(files: Sequence[Path], day: str) -> str:
    """What tells one import from another: the size and the first MiB of each file, and the day on which activities are in force."""
    digest = hashlib.sha256(day.encode())
    for file in files:
        with file.open("rb") as stream:
            head = hashlib.sha256(stream.read(_HEAD_BYTES)).hexdigest()
        digest.update(f"/{file.stat().st_size}:{head}".encode())
    return digest.hexdigest()


class DirectoryImports:
    """Collection `directory_imports`: the progress of one import."""

    def __init__(self, imports: Collection, keys: MasterKeys, clock: Clock, files: str, first_phase: str) -> None:
        self._imports = imports
        self._seals = RowSeals(keys, "directory_imports")
        self._clock = clock
        self._files = files
        self._first_phase = first_phase
        self._run = 0

    async def begin(self) -> tuple[str, str]:
        """Takes the row over; gives where an import of the same files stopped, or the start."""
        while True:
            found = await self._imports.find_one({"_id": _ONE})
            phase, position = self._first_phase, ""
            if found is not None and self._is_whole(found) and found["files"] == self._files and found["phase"] != DONE:
                phase, position = found["phase"], found["position"]
            self._run = 1 if found is None else int(found["run"]) + 1
            if await self._written(phase, position, None if found is None else int(found["run"])):
                return phase, position

    async def reached(self, phase: str, key: str) -> None:
        """Keeps that all up to this key of this phase is stored; SupersededError when another import was begun."""
        if not await self._written(phase, key, self._run):
            raise SupersededError

    async def finish(self) -> None:
        """Keeps that all is stored: the same files are imported from the start the next time."""
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
            _log.error("directory.seal_broken", collection=self._imports.name, row=_ONE)
        return is_whole
