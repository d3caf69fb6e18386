"""The life of records as a test drives it: requests with all they need, and the job of what time does, run by hand."""

from datetime import timedelta
from typing import Any

from carnet.audit.v1.event_pb2 import Event
from carnet.consent.v1 import person_status_service_pb2 as person_pb
from carnet.consent.v1 import record_pb2
from carnet.consent.v1 import record_service_pb2 as pb
from carnet_consent.api.person_status import PersonStatusServicer
from carnet_consent.domain.person import PersonStatus
from component.consent.conftest import CONTEXT, HOLDER, Running, Someone, evidence, new_request
from google.protobuf import json_format

INSURER = Someone("structures/insurer", "INSURER", "structures/insurer", purpose="SYSTEM_DEPOSIT")
GRACE = timedelta(days=14)


def acting_under(kind: str, role: str = "REPRESENTATIVE", holder: str = HOLDER.subject) -> Someone:
    """A person who acts for the holder under a mandate of this kind."""
    claims = {"mandate": "mandates/m", "on_behalf_of": holder, "mandate_kind": kind, "classes": []}
    return Someone("patients/mandatary", role, purpose="PATIENT_REQUEST", claims=claims)


async def close(running: Running, who: Someone, record: str, **changed: Any) -> pb.CloseRecordResponse:  # noqa: ANN401 - fields of the request
    """Close, or announce that."""
    fields: dict[str, Any] = {"motive_code": "FERMETURE_DEMANDE_PATIENT", "motive_text": "She wishes it.", "evidence": evidence()}
    request = pb.CloseRecordRequest(**({"request_id": new_request(), "record": record} | fields | changed))
    with who.calling("/carnet.consent.v1.RecordService/CloseRecord"):
        return await running.records.CloseRecord(request, CONTEXT)


async def oppose(running: Running, who: Someone, record: str, etag: str = "") -> pb.OpposeClosingResponse:
    """Oppose an announced closing."""
    with who.calling("/carnet.consent.v1.RecordService/OpposeClosing"):
        return await running.records.OpposeClosing(pb.OpposeClosingRequest(request_id=new_request(), record=record, etag=etag), CONTEXT)


async def reopen(running: Running, who: Someone, record: str, **changed: Any) -> pb.ReopenRecordResponse:  # noqa: ANN401 - fields of the request
    """Reopen a closed record."""
    fields: dict[str, Any] = {"request_id": new_request(), "record": record, "consent_confirmed": True, "evidence": evidence()}
    with who.calling("/carnet.consent.v1.RecordService/ReopenRecord"):
        return await running.records.ReopenRecord(pb.ReopenRecordRequest(**(fields | changed)), CONTEXT)


async def announce(running: Running, who: Someone = INSURER, patient: str = HOLDER.subject, request_id: str = "") -> str:
    """Announce a record and return its name."""
    request = pb.AnnounceRecordRequest(request_id=request_id or new_request(), patient=patient, evidence=evidence())
    with who.calling("/carnet.consent.v1.RecordService/AnnounceRecord"):
        return (await running.records.AnnounceRecord(request, CONTEXT)).record


async def oppose_opening(running: Running, who: Someone, record: str) -> None:
    """Oppose an announced opening."""
    with who.calling("/carnet.consent.v1.RecordService/OpposeOpening"):
        await running.records.OpposeOpening(pb.OpposeOpeningRequest(request_id=new_request(), record=record), CONTEXT)


async def get(running: Running, record: str, who: Someone = HOLDER) -> record_pb2.Record:
    """The record as its holder sees it."""
    with who.calling():
        return (await running.records.GetRecord(pb.GetRecordRequest(name=record), CONTEXT)).record


async def look_up(running: Running, who: Someone, patient: str = HOLDER.subject) -> pb.LookupRecordResponse:
    """What somebody finds who asks for a person's record."""
    with who.calling():
        return await running.records.LookupRecord(pb.LookupRecordRequest(patient=patient), CONTEXT)


async def told(running: Running, *, is_deceased: bool, revision: int, patient: str = HOLDER.subject) -> None:
    """Identity knows this of a person now, and says that it is new."""
    running.identity.persons[patient] = PersonStatus(is_qualified=True, is_deceased=is_deceased, revision=revision)
    servicer = next(one.servicer for one in running.consent.services if isinstance(one.servicer, PersonStatusServicer))
    with HOLDER.calling("/carnet.consent.v1.PersonStatusService/RefreshPersonStatus"):
        await servicer.RefreshPersonStatus(person_pb.RefreshPersonStatusRequest(request_id=new_request(), patient=patient), CONTEXT)


async def pass_time(running: Running, after: timedelta) -> int:
    """Move the clock and let time do what it does; gives how many steps it took."""
    running.clock.moved += after
    return await running.consent.passing.once()


async def events(running: Running, record: str) -> list[Event]:
    """What the history of a record tells, in order."""
    changes, _ = await running.consent.log.unshipped("", 1000)
    return [json_format.Parse(one.event.payload, Event()) for one in changes if one.subject == record]
