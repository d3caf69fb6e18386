"""Tells the state of a record: to who asks for a person's record (TD0.2), and to the holder her own."""

from dataclasses import dataclass, replace

from carnet_platform.clock import Clock

from carnet_consent.domain.asker import Purpose
from carnet_consent.domain.consent import Closing, Consent, Statement, contradictions
from carnet_consent.domain.decision import Unreadable
from carnet_consent.domain.destroyed import destroyed
from carnet_consent.domain.holder import acts_as_holder, is_holder
from carnet_consent.domain.opening import Availability, availability, check_may_look_up, tells_closing
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.storage.read_batch import ReadBatch
from carnet_consent.storage.records import Records
from carnet_consent.storage.rollback import RollbackWatch
from carnet_consent.usecases.acting import Acting
from carnet_consent.usecases.mandates import check_not_over
from carnet_consent.usecases.opening_budget import OpeningBudget

NOT_OPEN = frozenset({Availability.CLOSED, Availability.DESTROYING, Availability.DESTROYED})
"""What is told with a code and a date."""


@dataclass(frozen=True, slots=True)
class Found:
    """What somebody finds who asks for a person's record (TD0.2)."""

    availability: Availability
    record: str
    """Its name; empty where there is none."""
    closing: Closing | None = None
    """Of a closed or destroyed record: why and when, as a code and a date (rules.md 7)."""


@dataclass(frozen=True)
class ReadRecord:
    """The verbs LookupRecord, GetRecord and ListAuthorisations."""

    records: Records
    batch: ReadBatch
    rollbacks: RollbackWatch
    clock: Clock
    budget: OpeningBudget

    async def look_up(self, acting: Acting, patient: str) -> Found:
        """What the asker may do in a person's record, within the opening budget."""
        check_may_look_up(acting.asker, patient)
        record, _ = await self.records.name_of(patient)
        record = record or await self.records.destroyed_of(patient)
        consent = await self.read(acting, record)
        if consent is not None and consent.patient != patient:
            raise _unreadable()
        await self.budget.look_up(acting, patient, consent)
        told = availability(consent, acting.asker, self.clock.now())
        if consent is None or told == Availability.NO_RECORD:
            return Found(told, "")
        closing = consent.closing if told in NOT_OPEN and tells_closing(acting.asker) else None
        if consent.is_destroyed and closing is not None:
            closing = replace(closing, closed=consent.destruction.destroyed or consent.destruction.begun if consent.destruction else None)
        # A record that is gone has a name for its former holder alone: nobody else has any use for it.
        return Found(told, "" if consent.is_destroyed and not is_holder(acting.asker, consent) else record, closing)

    async def own(self, acting: Acting, record: str) -> Consent:
        """The record, for its holder and for who manages it for her. Anybody else's is not found; one that is destroyed is refused."""
        consent = await self.held(acting, record)
        if consent.is_destroyed:
            raise destroyed(consent)
        return consent

    async def held(self, acting: Acting, record: str) -> Consent:
        """The same, destroyed or not: what is left of it."""
        if acting.asker.purpose != Purpose.PATIENT_REQUEST:
            raise RuleBrokenError("ROLE_NOT_ALLOWED", "Only the holder of the record may do this.")
        consent = await self.read(acting, record)
        if consent is None or not acts_as_holder(acting.asker, consent):
            raise RuleBrokenError("NOT_FOUND", "There is no such record.")
        return consent

    async def statements(self, acting: Acting, record: str) -> tuple[tuple[Statement, ...], Consent]:
        """The statements in force, for the holder alone, and the record they stand in: a minor's secret ones cannot be told apart."""
        consent, now = await self.own(acting, record), self.clock.now()
        if not is_holder(acting.asker, consent):
            raise RuleBrokenError("ROLE_NOT_ALLOWED", "Only the holder of the record may do this.")
        opposed = tuple(opposition for opposition in consent.oppositions if opposition.is_in_force(now))
        in_force = tuple(statement for statement in consent.statements if statement.is_in_force(now))
        return in_force, replace(consent, oppositions=opposed)

    async def read(self, acting: Acting, record: str) -> Consent | None:
        """The record as it stands, for who is not withdrawn; None when there is none. Whether the asker may see it is not looked at."""
        reading = await self.batch.read(record, acting.fences)
        if reading.is_withdrawn:
            raise RuleBrokenError("SESSION_WITHDRAWN", "This session has ended. Log in again.")
        check_not_over(acting.asker, self.clock.now())
        consent = self.rollbacks.trusted(record, reading.consent)
        if isinstance(consent, Unreadable) or (consent is not None and any(contradictions(consent))):
            raise _unreadable()
        return consent


def _unreadable() -> RuleBrokenError:
    return RuleBrokenError("CONSENT_UNREADABLE", "What the record states cannot be read with certainty. Call the operator.")
