"""What operations that take two people tell the log, the same in every service: who proposed, approved, declined, and what became of it.

They belong to no record, so they stand in the operators' stream and in nobody's history. Where a person is the target she is named to be
told; the reason is in the operator's own words, sealed like every payload.
"""

from typing import Any

from carnet.audit.v1.event_pb2 import Actor, Event
from carnet_platform.calls import current_call
from carnet_platform.canonical import canonical_json
from carnet_platform.clock import Clock
from carnet_platform.operations import Operation, Step, Told

from carnet_recording.events import event_of, write_time

OPERATION_PROPOSED = "operation.proposed"
OPERATION_APPROVED = "operation.approved"
OPERATION_DONE = "operation.done"
OPERATION_DECLINED = "operation.declined"
OPERATION_EXPIRED = "operation.expired"
_KINDS = {
    Step.PROPOSED: OPERATION_PROPOSED,
    Step.APPROVED: OPERATION_APPROVED,
    Step.DONE: OPERATION_DONE,
    Step.DECLINED: OPERATION_DECLINED,
    Step.EXPIRED: OPERATION_EXPIRED,
}
_PERSON = "patients/"


def tell_operations(service: str, clock: Clock) -> Told:
    """What gives the events of operations; `service` is the URI name under which this process acts where nobody else does."""

    def told(step: Step, operation: Operation) -> bytes:
        fields: dict[str, Any] = {
            "subject": operation.target,
            "change": f"{operation.kind} at_once" if operation.is_provisional else operation.kind,
            "motive": operation.reason,
            "tell": [operation.target] if operation.target.startswith(_PERSON) else [],
        }
        kind, now = _KINDS[step], clock.now()
        try:
            call = current_call()
        except LookupError:
            # A background job ends what has lapsed and carries out what a dead process left.
            return canonical_json(Event(kind=kind, time=write_time(now), actor=Actor(software=service), purpose="OPERATIONS", **fields))
        return canonical_json(event_of(call, kind, now, **fields))

    return told
