"""States that a person has died (rules.md 17): her sessions and mandates end as a withdrawal does, and no new session is given.

1. A named professional asks, in a session that was not withdrawn.
2. In one transaction the person's next revision is stored with its event, and each mandate for her or of hers is ended with its own.
3. `patients/{patient}` and those mandates are withdrawn (`withdraw.py`): acknowledged when no read that begins later is answered.
4. New sessions are refused by the person's own row, until the statement is taken back: a withdrawal lasts only as long as a token.

Mail ends because whoever sends some looks at the person first. What happens to the record is for consent, which is told until it knows
(`tell_life_news.py`).
"""

from __future__ import annotations

from carnet_platform.clock import Clock
from carnet_platform.idempotency import Asked
from carnet_platform.mongo import Session as StoreSession

from carnet_identity.domain.patient import Patient
from carnet_identity.domain.patient_changes import deceased
from carnet_identity.usecases.acting_user import ActingUser
from carnet_identity.usecases.change_patient import Answer, Changed, PatientRevision, PatientVersion
from carnet_identity.usecases.events import PATIENT_DEATH_RECORDED
from carnet_identity.usecases.ports import MandatesEnd
from carnet_identity.usecases.tell_life_news import LifeNewsDue
from carnet_identity.usecases.withdraw import Marked, Withdraw


class RecordDeath:
    """The use case."""

    def __init__(
        self, acting: ActingUser, revise: PatientRevision, mandates: MandatesEnd, withdraw: Withdraw, news: LifeNewsDue, clock: Clock
    ) -> None:
        self._acting = acting
        self._news = news
        self._revise = revise
        self._mandates = mandates
        self._withdraw = withdraw
        self._clock = clock

    async def __call__(self, asked: Asked, version: PatientVersion, death_date: str, evidence: str, answer: Answer) -> bytes:
        """The answer that tells the person as one who has died.

        Raises:
            BrokenRule: PERSON_DECEASED, when that is stated already; INVALID_FIELD, for a date that cannot be.
            NotFound, Aborted, AlreadyExists, Unauthenticated: as every change of a person.
            Unavailable: consent does not answer. It is stated and will hold, so retry with the same request_id.
        """
        await self._acting.professional()

        async def rule(held: Patient, session: StoreSession) -> Changed:
            patient = deceased(held, death_date, evidence, self._clock.now())
            await self._news.add(held.name, session)
            return Changed(patient=patient, kind=PATIENT_DEATH_RECORDED, motive=evidence)

        async def mark(session: StoreSession) -> Marked:
            patient = await self._revise(session, version, rule)
            ended = await self._mandates.end_of(session, patient.name, self._clock.now())
            return Marked(answer(patient), [patient.name, *ended])

        given = await self._withdraw(asked, mark)
        await self._acting.professional()
        return given
