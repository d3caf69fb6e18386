"""Finds professionals and structures, and how people call them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from carnet_platform.errors import NotFound

from carnet_identity.domain.directory import Professional, Structure
from carnet_identity.usecases.ports import Directory


@dataclass(frozen=True, slots=True)
class DisplayName:
    """One thing and how people call it."""

    name: str
    text: str
    profession: str = ""
    specialty: str = ""


class ConsultDirectory:
    """The use cases."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def professional(self, rpps: str) -> Professional:
        """By RPPS; NotFound for one that is not in the directory."""
        found = await self._directory.professional_by_rpps(rpps)
        if found is None:
            raise NotFound("NOT_FOUND", "no professional of the directory has this RPPS")
        return found

    async def structure(self, finess: str) -> Structure:
        """By FINESS; NotFound for one that is not in the directory."""
        found = await self._directory.structure_by_finess(finess)
        if found is None:
            raise NotFound("NOT_FOUND", "no structure of the directory has this FINESS")
        return found

    async def display_names(self, professional_ids: Sequence[str], structure_ids: Sequence[str]) -> list[DisplayName]:
        """Of those that exist."""
        professionals = await self._directory.professionals_of(professional_ids) if professional_ids else []
        structures = await self._directory.structures_of(structure_ids) if structure_ids else []
        return [
            *(DisplayName(one.name, one.display_name, one.profession, one.specialty) for one in professionals),
            *(DisplayName(one.name, one.display_name) for one in structures),
        ]
