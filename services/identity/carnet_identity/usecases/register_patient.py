"""Registers a person, or finds that the INS is registered already.

1. A named professional asks, in a session that was not withdrawn.
2. A retry with the same request_id gets the first answer.
3. The INS is new: the person is stored with its event `patient.registered`, revision 1, in one transaction.
4. The INS is known and the traits do not contradict: the same person; a stronger identity status is kept, with its event.
5. The INS is known and a trait contradicts: refused, naming the trait. Traits are never overwritten (PDSM4DMP RG_0320).
6. Whoever was withdrawn meanwhile gets no answer; what he registered stays registered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from carnet_platform.calls import current_call
from carnet_platform.clock import Clock
from carnet_platform.identifiers import new_id
from carnet_platform.mongo import Client, in_transaction
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.comparison import traits_that_contradict
from carnet_identity.domain.identity_status import IdentityStatus, stronger
from carnet_identity.domain.ins import Ins
from carnet_identity.domain.patient import Patient
from carnet_identity.domain.traits import Traits
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.events import PATIENT_REGISTERED, PATIENT_STATUS_RAISED, event
from carnet_identity.usecases.ports import ChangeRecord, FirstAnswers, Patients

_METHOD = "RegisterPatient"


@dataclass(frozen=True, slots=True)
class Registration:
    """What a software says of a person: the INS parsed for this environment, the traits checked, the status it vouches for."""

    ins: Ins
    traits: Traits
    status: IdentityStatus


class RegisterPatient:
    """The use case."""

    def __init__(
        self, client: Client, patients: Patients, acting: ActingUser, changes: ChangeRecord, requests: FirstAnswers, clock: Clock
    ) -> None:
        self._client = client
        self._patients = patients
        self._acting = acting
        self._changes = changes
        self._requests = requests
        self._clock = clock

    async def __call__(self, request_id: str, request: bytes, said: Registration, answer: Callable[[Patient], bytes]) -> bytes:
        """The answer that tells the person registered under the INS.

        Args:
            request_id: chosen by the caller.
            request: the serialised request, to tell a retry from another content.
            said: what the software says of the person, parsed.
            answer: serialises the answer, which is kept so that a retry gets the very same.

        Raises:
            BrokenRule: INVALID_FIELD, when a trait contradicts the one registered.
            AlreadyExists: REQUEST_ID_REUSED.
            Unauthenticated: SESSION_WITHDRAWN, also when that happened meanwhile.
        """
        user = await self._acting.professional()

        async def body(session: StoreSession) -> bytes:
            first = await self._requests.first_answer(session, _METHOD, user.subject, request_id, request)
            if first is not None:
                return first
            given = answer(await self._register(session, said))
            await self._requests.remember(session, _METHOD, user.subject, request_id, request, given)
            return given

        given = await in_transaction(self._client, body)
        await self._acting.professional()
        return given

    async def _register(self, session: StoreSession, said: Registration) -> Patient:
        held = await self._patients.find_by_ins(said.ins, session)
        if held is None:
            return await self._new(session, said)
        return await self._known(session, held, said)

    async def _new(self, session: StoreSession, said: Registration) -> Patient:
        patient = Patient(id=new_id(), ins=said.ins, traits=said.traits, status=said.status)
        await self._patients.insert(session, patient)
        await self._record(session, patient, PATIENT_REGISTERED)
        return patient

    async def _known(self, session: StoreSession, held: Patient, said: Registration) -> Patient:
        contradicted = traits_that_contradict(held.traits, said.traits)
        if contradicted:
            raise BrokenRule(f"traits.{contradicted[0]}", "contradicts what is registered under this INS")
        kept = stronger(held.status, said.status)
        if kept is held.status:
            return held
        raised = await self._patients.replace(session, replace(held, status=kept))
        await self._record(session, raised, PATIENT_STATUS_RAISED)
        return raised

    async def _record(self, session: StoreSession, patient: Patient, kind: str) -> None:
        payload = event(kind, current_call(), self._clock.now(), subject=patient.name, change=patient.status.value)
        await self._changes.append(session, patient.name, payload, revision=patient.revision)
