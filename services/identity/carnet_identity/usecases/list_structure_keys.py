"""Tells which keys stand for a structure now: those registered, but what an operator has stopped (`stop.py`).

A key is stopped as a certificate is, by its SHA-256 thumbprint; of a stopped structure none is told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from carnet_platform.errors import NotFound

from carnet_identity.usecases.ports import Directory, Stops


class RegisteredKeys(Protocol):
    """The keys registered for structures."""

    def of(self, structure_key: str) -> Sequence[Mapping[str, Any]]:
        """Public JSON Web Keys with a `kid`, by what the directory knows the structure by."""
        ...


class ListStructureKeys:
    """The use case."""

    def __init__(self, directory: Directory, keys: RegisteredKeys, stops: Stops) -> None:
        self._directory = directory
        self._keys = keys
        self._stops = stops

    async def __call__(self, structure_id: str) -> str:
        """A JSON Web Key Set; NotFound for a structure that is not in the directory."""
        found = await self._directory.structures_of([structure_id])
        if not found:
            raise NotFound("NOT_FOUND", "no structure of the directory has this name")
        structure = found[0]
        stopped = {stop.target for stop in await self._stops.standing()}
        keys = [key for key in self._keys.of(structure.key) if f"certificates/{key['kid']}" not in stopped]
        return json.dumps({"keys": [] if structure.name in stopped else keys}, sort_keys=True)
