"""An operation that two people must want, and how it moves on.

Promises: nobody approves what he proposed; what was declined or has lapsed is never approved; each move is one revision, with one event.
A *provisional* operation runs at once at the word of one; unless another approves it in time it is undone.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from carnet_platform.errors import Denied, FailedPrecondition


class State(StrEnum):
    """Where an operation stands."""

    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    DONE = "DONE"
    DECLINED = "DECLINED"
    EXPIRED = "EXPIRED"


class Step(StrEnum):
    """What happened to it: one event each."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    DONE = "done"
    DECLINED = "declined"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What somebody wants done."""

    kind: str
    target: str
    reason: str
    proposer: str
    is_provisional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A proposal and what became of it. Instants are in UTC, in whole milliseconds as stores keep them."""

    id: str
    kind: str
    target: str
    reason: str
    state: State
    proposer: str
    approver: str = ""
    """Who approved or declined; empty for nobody yet."""
    is_provisional: bool = False
    propose_time: datetime
    expire_time: datetime
    """Until when it can be approved."""
    approve_time: datetime | None = None
    done_time: datetime | None = None
    """When it was carried out; a provisional one is carried out while it is still proposed."""
    revision: int = 1

    @property
    def name(self) -> str:
        """`operations/{operation}`, opaque."""
        return f"operations/{self.id}"

    @property
    def runs(self) -> bool:
        """Whether it is to be carried out and is not yet known to have been."""
        is_wanted = self.state is State.APPROVED or (self.is_provisional and self.state is State.PROPOSED)
        return is_wanted and self.done_time is None

    @property
    def begin_time(self) -> datetime | None:
        """Since when it may be carried out; None for never yet."""
        return self.propose_time if self.is_provisional else self.approve_time

    def as_proposed(self) -> "Operation":
        """As it was answered to its proposer."""
        done_time = self.done_time if self.is_provisional else None
        return replace(self, state=State.PROPOSED, approver="", approve_time=None, done_time=done_time, revision=1)

    def approved(self, approver: str, now: datetime) -> "Operation":
        """The next revision, approved: done already if it was provisional and has been carried out.

        Raises:
            Denied: SECOND_PERSON_REQUIRED.
            FailedPrecondition: STATE_FORBIDS.
        """
        self._check_open(now)
        if approver == self.proposer:
            raise Denied("SECOND_PERSON_REQUIRED", "an operation is approved by another than its proposer")
        state = State.APPROVED if self.done_time is None else State.DONE
        return self._next(state=state, approver=approver, approve_time=now)

    def declined(self, decliner: str, now: datetime) -> "Operation":
        """The next revision, declined. A proposer may take his own back, unless it runs already: that takes another.

        Raises:
            Denied: SECOND_PERSON_REQUIRED.
            FailedPrecondition: STATE_FORBIDS.
        """
        self._check_open(now)
        if self.is_provisional and decliner == self.proposer:
            raise Denied("SECOND_PERSON_REQUIRED", "what runs already is declined by another than its proposer")
        return self._next(state=State.DECLINED, approver=decliner)

    def expired(self) -> "Operation":
        """The next revision, lapsed."""
        return self._next(state=State.EXPIRED)

    def done(self, now: datetime) -> "Operation":
        """The next revision, carried out; a provisional one still awaits the other person."""
        return self._next(state=State.DONE if self.state is State.APPROVED else self.state, done_time=now)

    def _check_open(self, now: datetime) -> None:
        if self.state is not State.PROPOSED:
            raise FailedPrecondition("STATE_FORBIDS", "the operation no longer awaits anybody", field="operation")
        if now >= self.expire_time:
            raise FailedPrecondition("STATE_FORBIDS", "the operation was not approved in time", field="operation")

    def _next(self, **changes: object) -> "Operation":
        return replace(self, **changes, revision=self.revision + 1)  # type: ignore[arg-type]  # fields of this class
