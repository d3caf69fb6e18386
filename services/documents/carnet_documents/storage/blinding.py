"""Keyed hashes: what the database may compare without being able to read it, and the seal over what decides about access.

Each hash is bound to the record, so that equal depositors or identifiers of two records do not look alike.
"""

import hmac
from collections.abc import Mapping

from carnet_platform.envelope import mac
from carnet_platform.keys import MasterKeys

from carnet_documents.domain.placement import Placement


class Blinding:
    """Hashes under keys derived from outside the database."""

    def __init__(self, keys: MasterKeys) -> None:
        self._actor = keys.derive("documents-actor")
        self._unique_id = keys.derive("documents-unique-id")
        self._deposit = keys.derive("documents-deposit")
        self._content = keys.derive("documents-content")
        self._seal = keys.derive("documents-seal")
        self._versions = keys.derive("documents-versions")
        self._etag = keys.derive("documents-etag")

    def actor(self, record: str, name: str) -> bytes:
        """A person or structure, by resource name."""
        return mac(self._actor, record.encode(), name.encode())

    def unique_id(self, record: str, unique_id: str) -> bytes:
        """A uniqueId."""
        return mac(self._unique_id, record.encode(), unique_id.encode())

    def deposit(self, record: str, structure: str, unique_id: str) -> bytes:
        """What a deposit is known by: depositing structure (or the depositor who has none), uniqueId and record."""
        return mac(self._deposit, record.encode(), structure.encode(), unique_id.encode())

    def content(self, record: str, digest: bytes) -> bytes:
        """The bytes of a document, by their SHA-256."""
        return mac(self._content, record.encode(), digest)

    def etag(self, placement: Placement) -> str:
        """Changes with every change of the metadata and says nothing else."""
        return mac(self._etag, placement.record.encode(), placement.document.encode(), str(placement.version).encode()).hex()[:16]

    def seal(self, placement: Placement) -> bytes:
        """The seal over everything that decides who may see a document."""
        until = placement.visible_to_patient_from
        parts = (
            placement.record,
            placement.document,
            placement.class_code,
            placement.type_code,
            placement.status.value,
            str(placement.is_masked),
            "" if until is None else until.isoformat(),
            str(placement.is_hidden_from_representatives),
            placement.depositor.hex(),
            placement.structure.hex(),
            placement.first_deposit_time.isoformat(),
            placement.replaced_by,
            str(placement.version),
            # Left out where there is none, as in every document sealed before there could be one.
            *(() if placement.masked_from is None else (placement.masked_from.isoformat(),)),
        )
        return mac(self._seal, *(part.encode() for part in parts))

    def is_sealed(self, placement: Placement, seal: bytes) -> bool:
        """Whether nobody but this service wrote it."""
        return hmac.compare_digest(self.seal(placement), seal)

    def versions(self, record: str, versions: Mapping[str, int]) -> bytes:
        """The seal over the newest versions of a record's changed documents."""
        parts = (part.encode() for document in sorted(versions) for part in (document, str(versions[document])))
        return mac(self._versions, record.encode(), *parts)

    def are_versions_sealed(self, record: str, versions: Mapping[str, int], seal: bytes) -> bool:
        """Whether nobody but this service wrote them."""
        return hmac.compare_digest(self.versions(record, versions), seal)
