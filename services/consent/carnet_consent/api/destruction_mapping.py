"""Destructions as they are told to holders: where they stand, by which receipts, why they are held."""

from carnet.consent.v1 import record_destruction_service_pb2 as pb

from carnet_consent.api import mapping
from carnet_consent.domain.consent import Consent, RecordState
from carnet_consent.domain.destruction import Destruction, Origin, Receipt

_WAITING = {Origin.HOLDER: pb.DESTRUCTION_STATE_COOLING_OFF, Origin.RETENTION: pb.DESTRUCTION_STATE_PURGE_ANNOUNCED}
_GOING_ON = {
    RecordState.DESTROYING: pb.DESTRUCTION_STATE_DESTROYING,
    RecordState.DESTROYED: pb.DESTRUCTION_STATE_DESTROYED,
}


def destruction(consent: Consent) -> pb.Destruction:
    """How the destruction of a record stands; NONE where there is none."""
    told = consent.destruction
    message = pb.Destruction(
        state=pb.DESTRUCTION_STATE_NONE,
        legal_holds=[
            pb.LegalHold(name=f"{consent.record}/legalHolds/{one.id}", reason=one.reason, set_time=mapping.timestamp(one.since))
            for one in consent.holds
        ],
    )
    if told is None:
        return message
    message.state = _GOING_ON.get(consent.state, _WAITING[told.origin])
    message.ask_time.CopyFrom(mapping.timestamp(told.asked))
    if told.begun is None:
        message.due_time.CopyFrom(mapping.timestamp(told.due))
    message.awaited.extend(told.awaited)
    message.receipts.extend(_receipt(one) for one in told.receipts)
    if told.history_end is not None:
        message.explained_until_time.CopyFrom(mapping.timestamp(told.history_end))
    certificate = _certificate(consent.record, told)
    if certificate is not None:
        message.certificate.CopyFrom(certificate)
    return message


def _receipt(told: Receipt) -> pb.DestructionReceipt:
    return pb.DestructionReceipt(
        participant=told.participant, receipt=told.name, erase_time=mapping.timestamp(told.erased), erased=told.what
    )


def _certificate(record: str, told: Destruction) -> pb.DestructionCertificate | None:
    """What says that the record is destroyed; None before it is."""
    if told.begun is None or told.destroyed is None or told.backups_end is None:
        return None
    return pb.DestructionCertificate(
        destruction=f"destructions/{told.id}",
        record=record,
        begin_time=mapping.timestamp(told.begun),
        destroy_time=mapping.timestamp(told.destroyed),
        backups_end_time=mapping.timestamp(told.backups_end),
        receipts=[_receipt(one) for one in told.receipts],
    )
