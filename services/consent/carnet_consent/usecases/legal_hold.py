"""Sets and lifts legal holds, as two operators want it (rules.md 16; the frame is `carnet_platform.operations`).

A hold is part of the record's own sealed text, so no step of a destruction can miss it: both are transactions on one revision. Set in an
emergency, it holds at the word of one operator, and is lifted again unless another confirms it in time.
"""

from collections.abc import Callable
from datetime import datetime

from carnet_platform.errors import FailedPrecondition, InvalidArgument, NotFound, Refusal
from carnet_platform.identifiers import parse_name
from carnet_platform.mongo import Session
from carnet_platform.operations import Operation, Proposal

from carnet_consent.domain.consent import Consent
from carnet_consent.domain.decision import Unreadable
from carnet_consent.domain.destroying import hold, lift
from carnet_consent.domain.destruction import LegalHold
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.usecases.change import Changed, Changes
from carnet_consent.usecases.events import about_hold, own_event

AsRefusal = Callable[[RuleBrokenError], Refusal]
"""A broken rule as its caller is told."""


class HoldWork:
    """The work of operations of kind `hold`, on `records/{record}`."""

    def __init__(self, changes: Changes, as_refusal: AsRefusal) -> None:
        self._changes, self._as_refusal = changes, as_refusal

    async def check(self, proposal: Proposal) -> None:
        """Whether there is anything to hold.

        Raises:
            InvalidArgument: INVALID_FIELD.
            NotFound: there is no such record.
            FailedPrecondition: it is destroyed, cannot be read, or has as many holds as it may have.
        """
        parse_name(proposal.target, "records/*", "target")
        consent = await _readable(self._changes, proposal.target)
        try:
            hold(consent, LegalHold("", proposal.reason, self._changes.clock.now()))
        except RuleBrokenError as broken:
            raise self._as_refusal(broken) from None

    async def begin(self, session: Session, operation: Operation) -> None:
        """Set the hold."""

        def change(consent: Consent, now: datetime) -> Changed[None]:
            wanted = LegalHold(operation.id, operation.reason, now)
            told = about_hold(own_event("record.hold_set", consent.record, now), wanted)
            return Changed(hold(consent, wanted), (told,), None)

        try:
            await self._changes.within(session, operation.target, change)
        except RuleBrokenError as broken:
            raise self._as_refusal(broken) from None

    async def run(self, operation: Operation) -> None:
        """Nothing is left to do."""

    async def undo(self, session: Session, operation: Operation) -> None:
        """Lift the hold that this operation set."""
        await self._changes.within(session, operation.target, lambda consent, now: _lifted(consent, operation.id, now))


class LiftWork:
    """The work of operations of kind `lift_hold`, on `records/{record}/legalHolds/{hold}`."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    async def check(self, proposal: Proposal) -> None:
        """Whether there is such a hold.

        Raises:
            InvalidArgument: INVALID_FIELD, also for one at once.
            NotFound: there is none.
        """
        record, hold_id = _parts(proposal.target)
        if proposal.is_provisional:
            raise InvalidArgument("INVALID_FIELD", "only a hold is set at the word of one", field="emergency")
        consent = await _readable(self._changes, record)
        if all(one.id != hold_id for one in consent.holds):
            raise NotFound("NOT_FOUND", "there is no such legal hold", field="target")

    async def begin(self, session: Session, operation: Operation) -> None:
        """Lift it."""
        record, hold_id = _parts(operation.target)
        await self._changes.within(session, record, lambda consent, now: _lifted(consent, hold_id, now))

    async def run(self, operation: Operation) -> None:
        """Nothing is left to do."""

    async def undo(self, session: Session, operation: Operation) -> None:
        """None of them is done at the word of one, so there is nothing to undo."""


def _lifted(consent: Consent, hold_id: str, now: datetime) -> Changed[None]:
    after = lift(consent, hold_id)
    gone = next((one for one in consent.holds if one.id == hold_id), None)
    if gone is None:
        return Changed(consent, (), None)
    return Changed(after, (about_hold(own_event("record.hold_lifted", consent.record, now), gone),), None)


def _parts(target: str) -> tuple[str, str]:
    record, hold_id = parse_name(target, "records/*/legalHolds/*", "target")
    return f"records/{record}", hold_id


async def _readable(changes: Changes, record: str) -> Consent:
    consent = await changes.records.look(record)
    if consent is None:
        raise NotFound("NOT_FOUND", "there is no such record", field="target")
    if isinstance(consent, Unreadable):
        raise FailedPrecondition("CONSENT_UNREADABLE", "what the record states cannot be read with certainty", field="target")
    return consent
