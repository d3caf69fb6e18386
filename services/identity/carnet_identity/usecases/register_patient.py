"""Registers a person, or finds that the INS is registered already.

1. A named professional asks, in a session that was not withdrawn.
2. A retry with the same request_id gets the first answer.
3. The INS is new: the person is stored with its event `patient.registered`, revision 1, in one transaction.
4. The INS is known and the traits do not contradict: the same person; a stronger identity status is kept with what it rests on, and has
   its event, unless the identity is marked doubtful or fictitious.
5. The INS is known and a trait contradicts: refused, naming the trait. Traits are never overwritten (PDSM4DMP RG_0320).
6. The INS is one that somebody bore before: refused. It stays hers as history, and nothing new begins under it (domain.md 1.1).
7. Whoever was withdrawn meanwhile gets no answer; what he registered stays registered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from carnet_platform.calls import current_call
from carnet_platform.clock import Clock
from carnet_platform.idempotency import Asked, Requests
from carnet_platform.identifiers import new_id
from carnet_platform.mongo import Client, in_transaction
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.comparison import traits_that_contradict
from carnet_identity.domain.identity_evidence import NO_EVIDENCE, IdentityEvidence
from carnet_identity.domain.identity_status import RESTS_ON, IdentityStatus, check_basis, is_open_to, kept_evidence, stronger
from carnet_identity.domain.ins import Ins
from carnet_identity.domain.patient import Patient
from carnet_identity.domain.patient_changes import INS_TAKEN
from carnet_identity.domain.traits import Traits
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.events import PATIENT_REGISTERED, PATIENT_STATUS_RAISED, event
from carnet_identity.usecases.meter import LOOKUP, Meter
from carnet_identity.usecases.ports import ChangeRecord, Patients


@dataclass(frozen=True, slots=True)
class Registration:
    """What a software says of a person: the INS parsed for this environment, the rest checked, the status it vouches for."""

    ins: Ins
    traits: Traits
    status: IdentityStatus
    evidence: IdentityEvidence = NO_EVIDENCE
    residence_commune: str = ""


class RegisterPatient:
    """The use case."""

    def __init__(
        self,
        client: Client,
        patients: Patients,
        acting: ActingUser,
        meter: Meter,
        changes: ChangeRecord,
        requests: Requests,
        clock: Clock,
    ) -> None:
        self._client = client
        self._patients = patients
        self._acting = acting
        self._meter = meter
        self._changes = changes
        self._requests = requests
        self._clock = clock

    async def __call__(self, asked: Asked, said: Registration, answer: Callable[[Patient], bytes]) -> bytes:
        """The answer that tells the person registered under the INS.

        Args:
            asked: the request, by which a retry is known.
            said: what the software says of the person, parsed.
            answer: serialises the answer, which is kept so that a retry gets the very same.

        Raises:
            BrokenRule: IDENTITY_EVIDENCE_REQUIRED, when the status rests on more than was sent; INVALID_FIELD, when a trait contradicts the
                one registered; INS_TAKEN, for an INS that somebody bore before.
            AlreadyExists: REQUEST_ID_REUSED.
            ResourceExhausted: RATE_LIMITED, in the place of a refusal that would tell whether an INS is registered.
            Unauthenticated: SESSION_WITHDRAWN, also when that happened meanwhile.
        """
        await self._acting.professional()
        check_basis(said.evidence, RESTS_ON[said.status])

        async def register(session: StoreSession) -> bytes:
            return answer(await self._register(session, said))

        try:
            given = await in_transaction(self._client, lambda session: self._requests.once(session, asked, register))
        except BrokenRule:
            # It tells that the INS is somebody's: whoever guesses at numbers by registering them is metered as one who looks them up (S4).
            await self._meter.take(LOOKUP)
            raise
        await self._acting.professional()
        return given

    async def _register(self, session: StoreSession, said: Registration) -> Patient:
        held = await self._patients.find_by_ins(said.ins, session)
        if held is None:
            return await self._new(session, said)
        return await self._known(session, held, said)

    async def _new(self, session: StoreSession, said: Registration) -> Patient:
        patient = Patient(
            id=new_id(),
            ins=said.ins,
            ins_time=self._clock.now(),
            traits=said.traits,
            status=said.status,
            evidence=kept_evidence(said.evidence, said.status),
            residence_commune=said.residence_commune,
        )
        await self._patients.insert(session, patient)
        await self._record(session, patient, PATIENT_REGISTERED)
        return patient

    async def _known(self, session: StoreSession, held: Patient, said: Registration) -> Patient:
        if said.ins != held.ins:
            raise BrokenRule("ins", "this INS is a former one", reason=INS_TAKEN)
        contradicted = traits_that_contradict(held.traits, said.traits)
        if contradicted:
            raise BrokenRule(f"traits.{contradicted[0]}", "contradicts what is registered under this INS")
        kept = stronger(held.status, said.status)
        if kept is held.status or not is_open_to(kept, held.attributes):
            return held
        raised = await self._patients.replace(session, replace(held, status=kept, evidence=kept_evidence(said.evidence, kept)))
        await self._record(session, raised, PATIENT_STATUS_RAISED)
        return raised

    async def _record(self, session: StoreSession, patient: Patient, kind: str) -> None:
        payload = event(kind, current_call(), self._clock.now(), subject=patient.name, change=patient.status.value)
        await self._changes.append(session, patient.name, payload, revision=patient.revision)
