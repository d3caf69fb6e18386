"""Persons at rest: everything about one is a single sealed blob, found by blind indexes of each INS she bears or bore.

Promises that a person is found by exact INS alone, that an INS, present or former, stands for one person, and that the blob of another
person, of another revision, under another index or with other search terms does not open in a document's place: an alarm is raised and
nobody is answered (EnvelopeError). A number that nobody bears costs what one costs that somebody does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog
from bson import Binary
from carnet_platform.envelope import Context, EnvelopeError, mac
from carnet_platform.keys import MasterKeys, Sealer
from carnet_platform.mongo import Collection, Session, conflict
from pymongo.errors import DuplicateKeyError

from carnet_identity.domain.identity_status import IdentityStatus
from carnet_identity.domain.ins import NIR_TEST, Ins
from carnet_identity.domain.patient import Patient
from carnet_identity.domain.traits import Sex, Traits
from carnet_identity.storage.patient_rows import read_content, write_content
from carnet_identity.storage.shared_rows import SharedRows

_COLLECTION = "patients"
_log = structlog.get_logger(__name__)

Terms = Callable[[Patient], list[bytes]]
"""The search terms of a person: each a blind token, stored beside her sealed blob and bound to it."""
_NOBODY = Patient(
    id="a" * 26,
    ins=Ins("0" * 15, NIR_TEST),
    traits=Traits(birth_family_name="A" * 16, first_given_name="A" * 8, given_names="A" * 16, birth_date="19000101", sex=Sex.UNKNOWN),
    status=IdentityStatus.PROVISIONAL,
)


def no_terms(patient: Patient) -> list[bytes]:
    """Nobody is searched for."""
    del patient
    return []


class PatientStore:
    """Collection `patients`."""

    def __init__(self, collection: Collection, keys: MasterKeys, terms: Terms = no_terms) -> None:
        self._patients, self._rows = collection, SharedRows(collection)
        self._sealer = Sealer(keys, _COLLECTION)
        self._index_key = keys.derive("patient-ins-index")
        self._terms = terms
        self._nobody = {"_id": _NOBODY.id, **self._closed(_NOBODY, [])}

    async def find(self, patient_id: str, session: Session | None = None) -> Patient | None:
        """The person of an opaque id; None for one never given."""
        found = await self._patients.find_one({"_id": patient_id}, session=session)
        return None if found is None else self.opened(found)

    async def find_by_ins(self, ins: Ins, session: Session | None = None) -> Patient | None:
        """The person who bears an exact INS or bore it."""
        index = self._index(ins)
        found = await (self._rows.find(index) if session is None else self._patients.find_one({"ins_index": index}, session=session))
        if found is None:
            # Nobody's row is opened as somebody's would be: the time taken does not tell who is registered (trial S4).
            self.opened(self._nobody)
            return None
        return self.opened(found, asked=ins)

    async def of_ins(self, numbers: Sequence[Ins]) -> dict[Ins, Patient]:
        """Who bears each of these exact INS or bore it, in one read; who is unknown, or whose row does not open, is left out."""
        wanted = {bytes(self._index(ins)): ins for ins in numbers}
        found: dict[Ins, Patient] = {}
        async for row in self._patients.find({"ins_index": {"$in": [Binary(index) for index in wanted]}}):
            try:
                patient = self.opened(row)
            except EnvelopeError:
                continue  # the alarm is raised
            found.update((ins, patient) for ins in patient.every_ins if bytes(self._index(ins)) in wanted)
        return found

    async def insert(self, session: Session, patient: Patient) -> None:
        """Stores a new person; when the INS was taken meanwhile the transaction runs again and finds who took it."""
        try:
            await self._patients.insert_one({"_id": patient.id, **self._closed(patient, self._terms(patient))}, session=session)
        except DuplicateKeyError:
            raise conflict("the INS was registered meanwhile") from None

    async def replace(self, session: Session, patient: Patient) -> Patient:
        """Stores the next revision of a person and gives it; when she was changed, or the INS taken, the transaction runs again."""
        changed = replace(patient, revision=patient.revision + 1)
        row = self._closed(changed, self._terms(changed))
        try:
            result = await self._patients.update_one({"_id": patient.id, "revision": patient.revision}, {"$set": row}, session=session)
        except DuplicateKeyError:
            raise conflict("the INS was registered meanwhile") from None
        if result.matched_count != 1:
            raise conflict("the person was changed meanwhile")
        return changed

    def opened(self, row: Mapping[str, Any], *, asked: Ins | None = None) -> Patient:
        """The person of a stored row, whoever read it; EnvelopeError, and an alarm, for one that does not open in its place."""
        try:
            patient = self._unsealed(row)
            if asked is not None and asked not in patient.every_ins:
                raise EnvelopeError("a person was found under the index of another INS")  # noqa: TRY301 - alarmed like the others
        except EnvelopeError:
            _log.error("patient.seal_broken", patient=row["_id"])
            raise
        return patient

    def _index(self, ins: Ins) -> Binary:
        # Composite: the same digits under two authorities are two numbers.
        return Binary(mac(self._index_key, ins.value.encode(), ins.authority.encode()))

    def _closed(self, patient: Patient, terms: list[bytes]) -> dict[str, Any]:
        beside = {
            "ins_index": [self._index(ins) for ins in patient.every_ins],
            "search_terms": [Binary(term) for term in sorted(set(terms))],
        }
        sealed = self._sealer.seal(write_content(patient), _context(patient.id, patient.revision, beside))
        return {**beside, "identity": Binary(sealed), "revision": patient.revision}

    def _unsealed(self, row: Mapping[str, Any]) -> Patient:
        text = self._sealer.unseal(bytes(row["identity"]), _context(row["_id"], row["revision"], row))
        return read_content(row["_id"], row["revision"], text)


def _context(patient_id: str, revision: int, beside: Mapping[str, Any]) -> Context:
    """The place of a blob: its row, and everything that finds that row."""
    indexes = beside["ins_index"]
    if "search_terms" not in beside:
        # A row of the first form, with one INS and no terms. Nothing that has terms opens as one that has none.
        item = indexes.hex() if isinstance(indexes, bytes) else ""
    else:
        item = ",".join(index.hex() for index in indexes) + "/" + hashlib.sha256(b"".join(map(_framed, beside["search_terms"]))).hexdigest()
    return Context(_COLLECTION, "identity", subject=patient_id, item=item, version=revision)


def _framed(term: bytes) -> bytes:
    return len(term).to_bytes(4, "big") + term
