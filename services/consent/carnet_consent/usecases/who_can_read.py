"""Tells the holder who can read a document now, and who cannot, after recording that she asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from carnet_platform.clock import Clock
from carnet_platform.journal import Journal

from carnet_consent.domain.asker import Purpose
from carnet_consent.domain.asking import check_holder_asks
from carnet_consent.domain.filter import DocumentFacts
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.readers import Standing, candidates, emergency_roles, professionals, standings
from carnet_consent.usecases.acting import Acting
from carnet_consent.usecases.events import about_document, event, payload
from carnet_consent.usecases.read_record import ReadRecord


class Directory(Protocol):
    """What consent asks of the directory about many at once."""

    async def professions(self, names: Sequence[str]) -> Mapping[str, str]:
        """TRE_G15 code of each of these `professionals/{p}`; one that is unknown is left out."""


@dataclass(frozen=True, slots=True)
class Readers:
    """The answer."""

    standings: tuple[Standing, ...]
    break_glass_roles: tuple[str, ...]
    dispatch_roles: tuple[str, ...]
    revision: int
    matrix_version: str


@dataclass(frozen=True)
class WhoCanRead:
    """The verb WhoCanRead."""

    read: ReadRecord
    tables: Habilitation
    directory: Directory
    journal: Journal
    clock: Clock

    async def __call__(self, acting: Acting, record: str, document: DocumentFacts) -> Readers:
        """Tell who reads. Raises RuleBrokenError unless the holder asks, Unavailable when the directory does not answer."""
        consent = check_holder_asks(acting.asker, await self.read.read(acting, record))
        now = self.clock.now()
        professions = await self.directory.professions(professionals(candidates(consent, document, now)))
        answer = Readers(
            standings=tuple(standings(consent, document, professions, self.tables, now)),
            break_glass_roles=emergency_roles(consent, document, self.tables, Purpose.BREAK_GLASS, now),
            dispatch_roles=emergency_roles(consent, document, self.tables, Purpose.EMERGENCY_DISPATCH, now),
            revision=consent.revision,
            matrix_version=self.tables.version,
        )
        await self.journal.append(payload(about_document(event("readers.asked", record, acting, now), document)))
        return answer
