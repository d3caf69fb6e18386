"""Tells the holder what a change would alter, before it is made, after recording that she asked. Nothing else is stored."""

from dataclasses import dataclass

from carnet_platform.clock import Clock
from carnet_platform.journal import Journal

from carnet_consent.domain.asking import check_holder_asks
from carnet_consent.domain.documents import Documents
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.preview import Change, Link, Preview, asked_by_name, preview
from carnet_consent.domain.proposal import Attending, Proposal, proposed
from carnet_consent.domain.stating import Durations
from carnet_consent.usecases.acting import Acting
from carnet_consent.usecases.events import event, payload
from carnet_consent.usecases.read_record import ReadRecord
from carnet_consent.usecases.who_can_read import Directory


@dataclass(frozen=True, slots=True)
class Previewed:
    """The answer."""

    preview: Preview
    revision: int
    matrix_version: str
    new_documents_masked: bool | None
    """Whether documents to come would be masked; None where the change alters nothing about that."""


@dataclass(frozen=True)
class PreviewChange:
    """The verb PreviewChange."""

    read: ReadRecord
    tables: Habilitation
    durations: Durations
    directory: Directory
    journal: Journal
    clock: Clock

    async def __call__(self, acting: Acting, record: str, proposal: Proposal, documents: Documents, links: tuple[Link, ...]) -> Previewed:
        """Tell what the change would alter.

        Raises RuleBrokenError as the change itself would, and unless the holder asks; Unavailable when the directory does not answer.
        """
        before = check_holder_asks(acting.asker, await self.read.read(acting, record))
        now = self.clock.now()
        given = proposal.professional if isinstance(proposal, Attending) else ""
        of_given = await self.directory.professions([given]) if given else {}
        after = proposed(before, acting.asker, proposal, of_given.get(given, ""), now, self.durations)
        professions = await self.directory.professions(asked_by_name(before, after, documents))
        found = preview(Change(before, after, documents, professions, self.tables, now, links))
        await self.journal.append(payload(event("preview.asked", record, acting, now)))
        of_new = None if before.masks_new_documents == after.masks_new_documents else after.masks_new_documents
        return Previewed(found, before.revision, self.tables.version, of_new)
