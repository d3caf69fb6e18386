"""What the frame of two people needs from the service that uses it."""

from typing import Protocol

from carnet_platform.mongo import Session
from carnet_platform.operations.operation import Operation, Proposal, Step


class Work(Protocol):
    """What operations of one kind do.

    `begin` and `undo` happen exactly once, in the transaction that records why; they may run several times before that commits, so they
    have no effect but through the session. `run` is what no transaction can hold: it is called after the commit, again after a death or
    a failure, perhaps by two processes at once, until it has returned once; so it must bear being repeated.
    """

    async def check(self, proposal: Proposal) -> None:
        """Raise a Refusal for what cannot be done, before anybody is asked."""
        ...

    async def begin(self, session: Session, operation: Operation) -> None:
        """The part that the store holds, once the operation may run."""
        ...

    async def run(self, operation: Operation) -> None:
        """The rest; done when it returns. `Unavailable` for later."""
        ...

    async def undo(self, session: Session, operation: Operation) -> None:
        """Take `begin` back: a provisional operation was declined or has lapsed."""
        ...


class Changes(Protocol):
    """The log of changes."""

    async def append(self, session: Session, subject: str, payload: bytes, *, revision: int | None = None) -> int:
        """In the caller's transaction."""
        ...

    async def last_revision(self, subject: str, *, session: Session | None = None) -> int:
        """0 when there is none."""
        ...


class Told(Protocol):
    """Tells the log."""

    def __call__(self, step: Step, operation: Operation) -> bytes:
        """The event of a step, as the log takes it. Outside a call nobody but the service itself acts."""
        ...
