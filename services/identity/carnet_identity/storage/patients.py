"""Persons at rest: everything about one is a single sealed blob, found by a blind index of INS and authority.

Promises that a person is found by exact INS alone, that an INS stands for one person, and that the blob of another person, of another
revision or under another index does not open in a document's place: an alarm is raised and nobody is answered (EnvelopeError).
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import structlog
from bson import Binary
from carnet_platform.envelope import Context, EnvelopeError, mac
from carnet_platform.keys import MasterKeys, Sealer
from carnet_platform.mongo import Collection, Session, conflict
from pymongo.errors import DuplicateKeyError

from carnet_identity.domain.identity_status import IdentityStatus
from carnet_identity.domain.ins import Ins
from carnet_identity.domain.patient import Patient
from carnet_identity.domain.traits import Sex, Traits

_COLLECTION = "patients"
_log = structlog.get_logger(__name__)


class PatientStore:
    """Collection `patients`."""

    def __init__(self, collection: Collection, keys: MasterKeys) -> None:
        self._patients = collection
        self._sealer = Sealer(keys, _COLLECTION)
        self._index_key = keys.derive("patient-ins-index")

    async def find(self, patient_id: str) -> Patient | None:
        """The person of an opaque id; None for one never given."""
        found = await self._patients.find_one({"_id": patient_id})
        return None if found is None else self._opened(found)

    async def find_by_ins(self, ins: Ins, session: Session | None = None) -> Patient | None:
        """The person of an exact INS."""
        found = await self._patients.find_one({"ins_index": self._index(ins)}, session=session)
        return None if found is None else self._opened(found, asked=ins)

    async def insert(self, session: Session, patient: Patient) -> None:
        """Stores a new person; when the INS was taken meanwhile the transaction runs again and finds who took it."""
        try:
            await self._patients.insert_one({"_id": patient.id, **self._closed(patient)}, session=session)
        except DuplicateKeyError:
            raise conflict("the INS was registered meanwhile") from None

    async def replace(self, session: Session, patient: Patient) -> Patient:
        """Stores the next revision of a person and gives it; when it was changed meanwhile the transaction runs again."""
        changed = replace(patient, revision=patient.revision + 1)
        result = await self._patients.update_one(
            {"_id": patient.id, "revision": patient.revision}, {"$set": self._closed(changed)}, session=session
        )
        if result.matched_count != 1:
            raise conflict("the person was changed meanwhile")
        return changed

    def _index(self, ins: Ins) -> Binary:
        # Composite: the same digits under two authorities are two numbers.
        return Binary(mac(self._index_key, ins.value.encode(), ins.authority.encode()))

    def _closed(self, patient: Patient) -> dict[str, Any]:
        traits = asdict(patient.traits) | {"sex": patient.traits.sex.value if patient.traits.sex else None}
        content = {"ins": asdict(patient.ins), "traits": traits, "status": patient.status.value}
        index = self._index(patient.ins)
        sealed = self._sealer.seal(json.dumps(content).encode(), _context(patient.id, patient.revision, index))
        return {"ins_index": index, "identity": Binary(sealed), "revision": patient.revision}

    def _opened(self, document: dict[str, Any], *, asked: Ins | None = None) -> Patient:
        try:
            patient = self._unsealed(document)
            if asked is not None and patient.ins != asked:
                raise EnvelopeError("a person was found under the index of another INS")  # noqa: TRY301 - alarmed like the others
        except EnvelopeError:
            _log.error("patient.seal_broken", patient=document["_id"])
            raise
        return patient

    def _unsealed(self, document: dict[str, Any]) -> Patient:
        context = _context(document["_id"], document["revision"], document["ins_index"])
        content = json.loads(self._sealer.unseal(bytes(document["identity"]), context))
        sex = content["traits"].pop("sex")
        return Patient(
            id=document["_id"],
            ins=Ins(**content["ins"]),
            traits=Traits(sex=Sex(sex) if sex else None, **content["traits"]),
            status=IdentityStatus(content["status"]),
            revision=document["revision"],
        )


def _context(patient_id: str, revision: int, index: bytes) -> Context:
    return Context(_COLLECTION, "identity", subject=patient_id, item=index.hex(), version=revision)
