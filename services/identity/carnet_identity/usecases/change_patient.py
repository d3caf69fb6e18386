"""Changes a registered person: what all changes of persons share.

1. A named professional asks, in a session that was not withdrawn.
2. A retry with the same request_id gets the first answer.
3. The person is read; the etag must be that of this version.
4. The rule of the change is asked (`domain/patient_changes.py`). What changes nothing is answered and recorded nowhere.
5. The next revision is stored with its event, in one transaction.
6. Whoever was withdrawn meanwhile gets no answer; what he changed stays changed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from carnet_platform.calls import current_call
from carnet_platform.clock import Clock
from carnet_platform.errors import Aborted, NotFound
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.mongo import Client, in_transaction
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.patient import Patient
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.events import event
from carnet_identity.usecases.ports import ChangeRecord, Patients

Answer = Callable[[Patient], bytes]
"""Serialises the answer, which is kept so that a retry gets the very same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientVersion:
    """Which person, in which version."""

    patient_id: str
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The person as changed, and how the event tells it: a kind, a code, words."""

    patient: Patient
    kind: str
    change: str = ""
    motive: str = ""


Rule = Callable[[Patient, StoreSession], Awaitable[Changed]]
"""What becomes of the person; may look into the store, in the transaction. May run several times."""


class PatientRevision:
    """Steps 3 to 5, within a transaction of the caller's."""

    def __init__(self, patients: Patients, changes: ChangeRecord, clock: Clock) -> None:
        self._patients = patients
        self._changes = changes
        self._clock = clock

    async def __call__(self, session: StoreSession, version: PatientVersion, rule: Rule) -> Patient:
        """The person as stored.

        Raises:
            NotFound: for an id never given.
            Aborted: ETAG_MISMATCH.
            BrokenRule: whatever the rule says.
        """
        held = await self._patients.find(version.patient_id, session)
        if held is None:
            raise NotFound("NOT_FOUND", "there is no such person", field="patient")
        if version.etag != held.etag:
            raise Aborted("ETAG_MISMATCH", "is not that of the present version", field="etag")
        changed = await rule(held, session)
        if changed.patient == held:
            return held
        stored = await self._patients.replace(session, changed.patient)
        payload = event(changed.kind, current_call(), self._clock.now(), subject=stored.name, change=changed.change, motive=changed.motive)
        await self._changes.append(session, stored.name, payload, revision=stored.revision)
        return stored


class ChangePatient:
    """The whole, for the changes that withdraw nothing."""

    def __init__(self, client: Client, acting: ActingUser, requests: Requests, revise: PatientRevision) -> None:
        self._client = client
        self._acting = acting
        self._requests = requests
        self._revise = revise

    async def __call__(self, asked: Asked, version: PatientVersion, rule: Rule, answer: Answer) -> bytes:
        """The answer that tells the person as changed.

        Raises:
            NotFound, Aborted, BrokenRule: as `PatientRevision`.
            AlreadyExists: REQUEST_ID_REUSED.
            Unauthenticated: SESSION_WITHDRAWN, also when that happened meanwhile.
        """
        await self._acting.professional()

        async def change(session: StoreSession) -> bytes:
            return answer(await self._revise(session, version, rule))

        given = await in_transaction(self._client, lambda session: self._requests.once(session, asked, change))
        await self._acting.professional()
        return given
