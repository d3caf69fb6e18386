"""Records as they are told: to their holder, to whoever asks for a person's record, to a professional who may open them."""

from carnet.consent.v1 import record_pb2
from carnet.consent.v1 import record_service_pb2 as records

from carnet_consent.api import mapping
from carnet_consent.domain.consent import Consent, Evidence, RecordState
from carnet_consent.domain.openable import Openable
from carnet_consent.usecases.read_record import Found

_STATES = {state: record_pb2.RecordState.Value(f"RECORD_STATE_{state.value}") for state in RecordState}


def record(consent: Consent) -> record_pb2.Record:
    """A record as its holder sees it."""
    message = record_pb2.Record(
        name=consent.record,
        patient=consent.patient,
        state=_STATES[consent.state],
        open_time=mapping.timestamp(consent.opened),
        evidence=evidence(consent.evidence),
        emergency_switches=record_pb2.EmergencySwitches(
            dispatch=consent.switches.dispatch,
            break_glass=consent.switches.break_glass,
            masked_documents=consent.switches.masked_documents,
            directives=consent.switches.directives,
        ),
        etag=mapping.etag(consent),
        closing=closing(consent),
        renewed_evidence=None if consent.renewed is None else evidence(consent.renewed),
        documents_masked_by_default=consent.masks_new_documents,
    )
    if consent.opening_due is not None:
        message.opening_due_time.CopyFrom(mapping.timestamp(consent.opening_due))
    return message


def evidence(told: Evidence) -> record_pb2.ConsentEvidence:
    """How a person's will was collected, as told."""
    return record_pb2.ConsentEvidence(
        form=told.form,
        form_version=told.form_version,
        method=told.method,
        collected_by=told.collected_by,
        collect_time=mapping.timestamp(told.collected),
    )


def closing(consent: Consent) -> record_pb2.RecordClosing | None:
    """The closing that is announced, or by which the record is closed; None when there is none."""
    told = consent.closing
    if told is None:
        return None
    message = record_pb2.RecordClosing(motive_code=told.motive, evidence=evidence(told.evidence), due_time=mapping.timestamp(told.due))
    if told.closed is not None:
        message.close_time.CopyFrom(mapping.timestamp(told.closed))
    if told.destroy is not None:
        message.destroy_time.CopyFrom(mapping.timestamp(told.destroy))
    return message


def announced(consent: Consent) -> records.AnnounceRecordResponse:
    """An announced opening as told to who announced it."""
    message = records.AnnounceRecordResponse(record=consent.record)
    if consent.opening_due is not None:
        message.opening_due_time.CopyFrom(mapping.timestamp(consent.opening_due))
    return message


def openable(one: Openable) -> records.ListOpenableRecordsResponse.OpenableRecord:
    """A record that a professional may open."""
    return records.ListOpenableRecordsResponse.OpenableRecord(
        record=one.record,
        patient=one.patient,
        availability=records.RecordAvailability.Value(f"RECORD_AVAILABILITY_{one.availability.value}"),
        attending_physician=one.is_attending_physician,
        grant_time=mapping.timestamp(one.since),
    )


def found(found: Found) -> records.LookupRecordResponse:
    """What the asker for a person's record finds."""
    message = records.LookupRecordResponse(
        availability=records.RecordAvailability.Value(f"RECORD_AVAILABILITY_{found.availability.value}"), record=found.record
    )
    if found.closing is not None and found.closing.closed is not None:
        message.closing_motive_code = found.closing.motive
        message.close_time.CopyFrom(mapping.timestamp(found.closing.closed))
    return message
