"""Decides: the access decision on what is stated now, within tables that were read at the start."""

import asyncio
from dataclasses import dataclass, replace

from carnet_platform.clock import Clock

from carnet_consent.domain.asker import Action, Asker
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.context import Question
from carnet_consent.domain.decision import Unreadable, decide
from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.outcome import Decision
from carnet_consent.storage.read_batch import ReadBatch, Reading
from carnet_consent.storage.rollback import RollbackWatch
from carnet_consent.usecases.acting import Acting
from carnet_consent.usecases.mandates import StandingMandates
from carnet_consent.usecases.note_accesses import NoteAccesses


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision with what it rests on."""

    decision: Decision
    revision: int
    """The revision of the consent that was read; 0 when none could be."""
    patient: str
    """The holder; empty unless permitted."""
    position: int
    ends_in: float | None
    """Seconds until the first of its facts ends."""


@dataclass(frozen=True)
class Decide:
    """The verb of AccessDecisionService."""

    batch: ReadBatch
    rollbacks: RollbackWatch
    habilitation: Habilitation
    clock: Clock
    mandates: StandingMandates
    accesses: NoteAccesses

    async def __call__(self, acting: Acting, record: str, purpose: str, action: Action) -> Decided:
        """Decide once. Raises Unavailable when store or identity does not answer: then nothing is decided, so nothing is released."""
        reading, standing = await self._read(acting, record)
        consent = self.rollbacks.trusted(record, reading.consent)
        asker = replace(standing, is_withdrawn=reading.is_withdrawn)
        now = self.clock.now()
        decision = decide(Question(asker, purpose, action), consent, self.habilitation, now)
        if decision.permits and action is Action.READ and isinstance(consent, Consent):
            self.accesses.note(asker, acting.session, consent, now)
        return self._told(decision, consent, reading.position, now.timestamp())

    async def _read(self, acting: Acting, record: str) -> tuple[Reading, Asker]:
        """What is stated, and under which mandate the asker stands: both read after the question came."""
        if not acting.asker.is_mandatary:
            return await self.batch.read(record, acting.fences), acting.asker
        return await asyncio.gather(self.batch.read(record, acting.fences), self.mandates.now(acting.asker))

    def _told(self, decision: Decision, consent: Consent | Unreadable | None, position: int, now: float) -> Decided:
        ends = getattr(decision.outcome, "ends", None)
        readable = consent if isinstance(consent, Consent) else None
        return Decided(
            decision,
            revision=readable.revision if readable is not None else 0,
            patient=readable.patient if readable is not None and decision.permits else "",
            position=position,
            ends_in=None if ends is None else ends.timestamp() - now,
        )
