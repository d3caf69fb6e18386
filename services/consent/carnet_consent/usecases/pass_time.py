"""What time does to records (rules.md 15 to 18; CSP L1111-18, R1111-28).

Announced closings and openings take effect, late results end, purges are announced, destructions begin, and what was kept is deleted.

Each step is one transaction on the revision it was worked out from, with its event: several processes, or one that comes back after a
kill, make it once. What rests on a person's death, or makes her a record, is done only after identity was asked again; one that does not
answer leaves it for the next look. A record that cannot be read keeps nobody else waiting.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from carnet_platform.errors import Refusal, Unavailable
from carnet_platform.identifiers import new_id
from carnet_platform.mongo import Session
from pymongo.errors import PyMongoError

from carnet_consent.domain.closing import Terms
from carnet_consent.domain.consent import Consent, RecordState
from carnet_consent.domain.person import PersonStatus
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.time_steps import Step, depends_on_the_person, step_of_time
from carnet_consent.usecases.change import Changed, Changes
from carnet_consent.usecases.events import about_closing, about_destruction, own_event
from carnet_consent.usecases.note_person import Lasting, learnt
from carnet_consent.usecases.persons import Persons

_log = structlog.get_logger(__name__)
AT_ONCE = 100
"""Records in one read."""
_KINDS = {
    Step.OPENED: "record.opened_as_announced",
    Step.PURGE_ANNOUNCED: "record.purge_announced",
    Step.DESTROYING: "record.destroying",
    Step.HISTORY_ENDED: "record.kept_states_deleted",
}
_OF_A_DESTRUCTION = {Step.PURGE_ANNOUNCED, Step.DESTROYING}


@dataclass(frozen=True)
class PassTime:
    """The background job."""

    changes: Changes
    persons: Persons
    lasting: Lasting
    terms: Terms
    every: timedelta
    participants: tuple[str, ...] = ()
    """Whose receipts a destruction takes that begins now."""

    async def run(self) -> None:
        """Look again and again, as long as the process lives."""
        is_noted = False
        while True:
            try:
                if not is_noted:
                    await self.changes.records.note_purges()
                    is_noted = True
                await self.once()
            except (PyMongoError, OSError, Unavailable) as error:
                _log.warning("records.waiting", kind=type(error).__name__)
            await asyncio.sleep(self.every.total_seconds())

    async def once(self) -> int:
        """Make every step that is due; give how many. Raises Unavailable when identity does not answer: the rest waits."""
        made, last = 0, None
        while due := await self.changes.records.due(self.changes.clock.now(), last, AT_ONCE):
            for last in due:
                made += await self._step(last[1])
        return made

    async def _step(self, record: str) -> bool:
        try:
            person = await self._person(record)
            return await self.changes.by_itself(record, lambda consent, now: self._made(consent, now, person), also=self._forget)
        except RuleBrokenError as broken:
            _log.error("record.step_refused", record=record, reason=broken.reason)
        except Unavailable:
            raise
        except Refusal as refusal:
            _log.error("record.step_refused", record=record, reason=refusal.reason)
        return False

    async def _person(self, record: str) -> PersonStatus | None:
        """The holder as identity knows her, where the step depends on that."""
        consent = await self.changes.records.look(record)
        return await self.persons.status(consent.patient) if isinstance(consent, Consent) and depends_on_the_person(consent) else None

    def _made(self, consent: Consent, now: datetime, person: PersonStatus | None) -> Changed[None]:
        nothing: Changed[None] = Changed(consent, (), None)
        found = step_of_time(consent, now, self.terms, self.participants, new_id=new_id())
        if found is None or (depends_on_the_person(consent) and person is None):
            return nothing  # somebody else made it, or the record changed since the person was asked about: the next look sees
        if person is not None:
            heard = learnt(consent, person, now, self.lasting)
            if heard.events or (consent.is_unopened and not person.is_qualified):
                return heard
        after, step = found
        if step is Step.CLOSED:
            return Changed(after, (about_closing(own_event("record.closed", consent.record, now), after),), None, withdraws=True)
        told = own_event(_KINDS[step], consent.record, now)
        return Changed(after, (about_destruction(told, after) if step in _OF_A_DESTRUCTION else told,), None)

    async def _forget(self, session: Session, before: Consent, now: datetime) -> None:
        """Delete the earlier states of a destroyed record whose time is over, in the transaction that says so."""
        if before.state == RecordState.DESTROYED and before.due is not None and before.due <= now:
            await self.changes.history.forget(session, before.record)
