"""Legal holds: two operators set and lift them, the holder reads why, and no destruction begins or goes on under one (rules.md 16)."""

from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any, cast

from carnet.common.v1 import operation_pb2
from carnet.consent.v1 import admin_service_pb2 as pb
from carnet.consent.v1 import record_destruction_service_pb2 as destruction_pb
from carnet_consent.api.administration import AdminServicer
from component.consent.conftest import CONTEXT, DOCTOR, HOLDER, Running, Someone, new_request
from component.consent.destroying import COOLING_OFF, destroying
from component.consent.life import close, events, pass_time
from component.consent.test_closing import reason_of, refusal_of

ANNE = Someone("operators/anne", "OPERATOR", purpose="OPERATIONS")
BRUNO = Someone("operators/bruno", "OPERATOR", purpose="OPERATIONS", session="sessions/s2")
OFFICER = Someone("operators/officer", "DATA_PROTECTION_OFFICER", purpose="OPERATIONS")
WHY = "Order of the court of 3 March."


def admin(running: Running) -> AdminServicer:
    """AdminService."""
    return cast("AdminServicer", running.consent.destructions.admin.servicer)


async def propose(running: Running, who: Someone, kind: str, target: str, **fields: Any) -> operation_pb2.Operation:  # noqa: ANN401
    """Propose an operation."""
    asked = {"request_id": new_request(), "kind": kind, "target": target, "reason": WHY} | fields
    with who.calling("/carnet.consent.v1.AdminService/ProposeOperation"):
        return (await admin(running).ProposeOperation(pb.ProposeOperationRequest(**asked), CONTEXT)).operation


async def approve(running: Running, who: Someone, operation: str) -> operation_pb2.Operation:
    """Approve one."""
    with who.calling("/carnet.consent.v1.AdminService/ApproveOperation"):
        request = pb.ApproveOperationRequest(request_id=new_request(), operation=operation)
        return (await admin(running).ApproveOperation(request, CONTEXT)).operation


async def held(running: Running, record: str) -> str:
    """Set a hold and give the target that lifts it."""
    operation = await propose(running, ANNE, "hold", record)
    await approve(running, BRUNO, operation.name)
    return f"{record}/legalHolds/{operation.name.partition('/')[2]}"


async def test_a_hold_takes_two_operators_and_its_reason_is_the_holder_s_to_read(running: Running) -> None:
    record = await running.open()
    async with destroying(running) as it:
        proposed = await propose(running, ANNE, "hold", record)
        assert list((await it.get(record)).legal_holds) == []
        assert await reason_of(approve(running, ANNE, proposed.name)) == "SECOND_PERSON_REQUIRED"
        assert (await approve(running, BRUNO, proposed.name)).state == operation_pb2.OPERATION_STATE_DONE
        (hold,) = (await it.get(record)).legal_holds
        assert (hold.reason, hold.name.startswith(f"{record}/legalHolds/")) == (WHY, True)
        told = (await events(running, record))[-1]
        assert (told.kind, told.motive) == ("record.hold_set", WHY)
        refusal = await refusal_of(it.request(record))
        assert (refusal.reason, WHY in str(refusal)) == ("LEGAL_HOLD", False)
        lifting = await propose(running, BRUNO, "lift_hold", hold.name)
        await approve(running, ANNE, lifting.name)
        assert list((await it.get(record)).legal_holds) == []
        assert (await events(running, record))[-1].kind == "record.hold_lifted"
        await it.request(record)


async def test_nothing_begins_under_a_hold_and_it_begins_once_the_last_is_lifted(running: Running) -> None:
    record = await running.open()
    async with destroying(running) as it:
        await it.confirmed(record)
        first, second = await held(running, record), await held(running, record)
        assert await pass_time(running, COOLING_OFF * 3) == 0
        assert await it.state(record) == "COOLING_OFF"
        for target, steps in ((first, 0), (second, 1)):
            lifting = await propose(running, BRUNO, "lift_hold", target)
            await approve(running, ANNE, lifting.name)
            assert await pass_time(running, timedelta(0)) == steps
        assert await it.state(record) == "DESTROYING"


async def test_nothing_goes_on_under_a_hold_and_nothing_is_certified(running: Running) -> None:
    """What was erased before stays noted: it is true."""
    record = await running.open()
    async with destroying(running) as it:
        await it.begun(record)
        it.audit.does = "vanish"
        await it.job.once()
        target, asked = await held(running, record), len(it.audit.asked)
        it.audit.does = "erase"
        await it.job.once()
        standing = await it.get(record)
        assert (standing.state, list(standing.awaited)) == (destruction_pb.DESTRUCTION_STATE_DESTROYING, ["audit"])
        assert (len(it.audit.asked), len(standing.legal_holds)) == (asked, 1)
        await approve(running, ANNE, (await propose(running, BRUNO, "lift_hold", target)).name)
        await it.job.once()
        assert await it.state(record) == "DESTROYED"
        assert await reason_of(propose(running, ANNE, "hold", record)) == "RECORD_DESTROYED"


async def test_a_hold_keeps_a_closed_record_from_its_purge(running: Running) -> None:
    """CSP L1111-18."""
    record = await running.open()
    async with destroying(running) as it:
        destroy = (await close(running, HOLDER, record)).closing.destroy_time.ToDatetime(UTC)
        await held(running, record)
        assert await pass_time(running, destroy + timedelta(days=40) - running.clock.now()) == 0
        assert await it.state(record) == "NONE"


async def test_a_hold_in_an_emergency_is_set_at_once_and_lifted_again_unless_another_confirms_it(running: Running) -> None:
    record = await running.open()
    async with destroying(running) as it:
        await propose(running, ANNE, "hold", record, emergency=True)
        assert len((await it.get(record)).legal_holds) == 1
        running.clock.moved += timedelta(days=1, seconds=1)
        await running.consent.destructions.operations.once()
        assert list((await it.get(record)).legal_holds) == []


async def test_what_is_no_operation_or_no_operator_is_refused(running: Running) -> None:
    record = await running.open()
    absent = f"{record}/legalHolds/none"
    for who, changed, reason, field in (
        (ANNE, {"target": "patients/p"}, "INVALID_FIELD", "target"),
        (ANNE, {"target": "records/absent"}, "NOT_FOUND", "target"),
        (ANNE, {"kind": "destroy"}, "INVALID_FIELD", "kind"),
        (ANNE, {"reason": " "}, "INVALID_FIELD", "reason"),
        (ANNE, {"kind": "lift_hold"}, "INVALID_FIELD", "target"),
        (ANNE, {"kind": "lift_hold", "target": absent}, "NOT_FOUND", "target"),
        (ANNE, {"kind": "lift_hold", "target": absent, "emergency": True}, "INVALID_FIELD", "emergency"),
        (OFFICER, {}, "ROLE_NOT_ALLOWED", ""),
        (replace(ANNE, purpose="TREATMENT"), {}, "ROLE_NOT_ALLOWED", ""),
        (DOCTOR, {}, "ROLE_NOT_ALLOWED", ""),
        (HOLDER, {}, "ROLE_NOT_ALLOWED", ""),
    ):
        asked: dict[str, Any] = {"kind": "hold", "target": record} | changed
        refusal = await refusal_of(propose(running, who, **asked))
        assert (refusal.reason, refusal.field) == (reason, field), changed


async def test_operations_are_listed_for_operators_and_officers(running: Running) -> None:
    record = await running.open()
    await held(running, record)
    for who in (ANNE, OFFICER):
        with who.calling("/carnet.consent.v1.AdminService/ListOperations"):
            listed = await admin(running).ListOperations(pb.ListOperationsRequest(), CONTEXT)
        assert [(one.kind, one.target, one.approver) for one in listed.operations] == [("hold", record, BRUNO.subject)]
    declined = await propose(running, ANNE, "hold", record)
    with BRUNO.calling("/carnet.consent.v1.AdminService/DeclineOperation"):
        request = pb.DeclineOperationRequest(request_id=new_request(), operation=declined.name)
        answer = await admin(running).DeclineOperation(request, CONTEXT)
    assert answer.operation.state == operation_pb2.OPERATION_STATE_DECLINED
