"""Which document a deposit replaces (RPLC): stated by the depositor, or by the header, or by both alike.

Only what the same structure or person deposited is replaced; another's document is as good as absent, so that a reference never tells
whether a hidden document exists.
"""

import hmac

from carnet_platform.calls import current_user
from carnet_platform.identifiers import parse_name

from carnet_documents.domain.entry import Claim
from carnet_documents.domain.header import Header
from carnet_documents.domain.rules import RuleBroken
from carnet_documents.storage.documents import Documents, Reference
from carnet_documents.storage.stored import Found

_FIELD = "header.entry.replaces"


class Replacing:
    """Finds the document to replace."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def find(self, record: str, claim: Claim, header: Header | None) -> Found | None:
        """The document, or ``None`` when there is none to replace. Raises ``RuleBroken`` ENTRY_CONTRADICTS_HEADER."""
        said = "" if header is None else header.claim.replaces
        if not claim.replaces and not said:
            return None
        if claim.replaces.startswith("records/"):
            return await self._named(record, claim.replaces, said)
        if claim.replaces and said and claim.replaces != said:
            raise RuleBroken("ENTRY_CONTRADICTS_HEADER", "contradicts the header of the document", _FIELD)
        unique = self._documents.blinding.unique_id(record, said or claim.replaces)
        return await self._of_depositor(record, Reference(unique=unique))

    async def _named(self, record: str, name: str, said: str) -> Found | None:
        named_record, document = parse_name(name, "records/*/documents/*", _FIELD)
        if named_record != record:
            raise RuleBroken("INVALID_FIELD", "must be a document of the same record", _FIELD)
        found = await self._of_depositor(record, Reference(document=document))
        if found is None or not said:
            return found
        if not hmac.compare_digest(bytes(found.stored["unique"]), self._documents.blinding.unique_id(record, said)):
            raise RuleBroken("ENTRY_CONTRADICTS_HEADER", "contradicts the header of the document", _FIELD)
        return found

    async def _of_depositor(self, record: str, reference: Reference) -> Found | None:
        user, blinding = current_user(), self._documents.blinding
        depositors = [blinding.actor(record, name) for name in (user.organisation, user.subject) if name]
        return await self._documents.of_depositor(record, depositors, reference)
