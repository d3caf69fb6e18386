"""Who may use AdminService: an operator named by OpenID Connect, for operations; to look, a data-protection officer as well.

Nobody who was withdrawn may; who is refused is recorded in the operators' stream, and in nobody's history.
"""

from dataclasses import dataclass

from carnet_platform.clock import Clock
from carnet_platform.journal import Journal

from carnet_consent.domain.asker import Purpose
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.review import REVIEWER
from carnet_consent.storage.read_batch import ReadBatch
from carnet_consent.usecases.acting import Acting, acting
from carnet_consent.usecases.events import event, payload

OPERATOR = "OPERATOR"
"""The role of an operator, as identity gives it."""


@dataclass(frozen=True)
class ActingOperator:
    """Looks who acts in the call in hand."""

    batch: ReadBatch
    journal: Journal
    clock: Clock

    async def __call__(self, *, is_onlooker_enough: bool) -> str:
        """`operators/{operator}` of the call, who may act now.

        Raises RuleBrokenError: ROLE_NOT_ALLOWED, for everybody else; SESSION_WITHDRAWN.
        """
        who, roles = acting(), {OPERATOR, REVIEWER} if is_onlooker_enough else {OPERATOR}
        asker = who.asker
        if not asker.subject.startswith("operators/") or asker.role not in roles or asker.purpose != Purpose.OPERATIONS:
            await self._refused(who, "ROLE_NOT_ALLOWED")
            raise RuleBrokenError("ROLE_NOT_ALLOWED", "This is for operators.")
        if (await self.batch.read("", who.fences)).is_withdrawn:
            await self._refused(who, "SESSION_WITHDRAWN")
            raise RuleBrokenError("SESSION_WITHDRAWN", "This session has ended. Log in again.")
        return asker.subject

    async def _refused(self, who: Acting, reason: str) -> None:
        made = event("operation.refused", "", who, self.clock.now())
        made.decision, made.reason = "deny", reason
        await self.journal.append(payload(made))
