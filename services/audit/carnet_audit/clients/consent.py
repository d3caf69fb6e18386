"""The decision who may read a history, asked of consent for the user of the call in hand."""

from dataclasses import dataclass
from datetime import timedelta

from carnet.common.v1.error_reason_pb2 import ErrorReason
from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet.consent.v1 import access_decision_service_pb2 as decision
from carnet.consent.v1 import access_decision_service_pb2_grpc as decision_grpc
from carnet_platform.clock import Clock
from carnet_platform.errors import Denied
from carnet_platform.peers import Peer


@dataclass(frozen=True)
class Decision:
    """What consent answered. `sent` is the boot-time reading just before it was asked; `reason` is empty for a permit."""

    sent: float
    usable_for: timedelta
    patient: str
    rule: str
    reason: str
    message: str
    is_about_a_record: bool = True
    """False when there is no such record: then the name asked for is made up, and is written nowhere."""


class Consent:
    """Asks consent."""

    def __init__(self, peer: Peer["decision_grpc.AccessDecisionServiceAsyncStub"], clock: Clock) -> None:
        self._peer, self._clock = peer, clock

    async def decide(self, record: str, purpose: str) -> Decision:
        """May the user of the call read the history of this record for the purpose of the token?"""
        try:
            number = PurposeOfUse.Value(f"PURPOSE_OF_USE_{purpose}")
        except ValueError:
            raise Denied("PURPOSE_NOT_ALLOWED", "the token's purpose is not one of ours") from None
        sent = self._clock.boottime()
        answer = await self._peer().Decide(decision.DecideRequest(record=record, purpose=number, action=decision.ACTION_READ_HISTORY))
        rule = f"{answer.rule} ({answer.source})" if answer.source else answer.rule
        if answer.WhichOneof("outcome") == "permit":
            return Decision(sent, answer.permit.usable_for.ToTimedelta(), answer.patient, rule, "", "")
        reason = ErrorReason.Name(answer.denial.reason).removeprefix("ERROR_REASON_")
        is_known = answer.consent_revision > 0 or reason == "CONSENT_UNREADABLE"
        return Decision(sent, timedelta(0), "", rule, reason, answer.denial.message or "refused", is_known)
