"""Between messages and values: requests are parsed once and refused where they break a rule; answers are built without detours."""

from collections.abc import Sequence
from datetime import UTC, datetime

from carnet.common.v1 import purpose_of_use_pb2
from carnet.documents.v1 import document_entry_pb2 as pb
from carnet_platform.calls import current_user
from carnet_platform.errors import Denied, InvalidArgument
from google.protobuf.timestamp_pb2 import Timestamp

from carnet_documents.domain.entry import Author, Claim, Code
from carnet_documents.domain.placement import Status
from carnet_documents.domain.visibility import Visibility
from carnet_documents.usecases.shown import Shown

LABELS = {
    Visibility.MASKED_FROM_PROFESSIONALS: pb.VISIBILITY_MASKED_FROM_PROFESSIONALS,
    Visibility.HIDDEN_FROM_PATIENT: pb.VISIBILITY_HIDDEN_FROM_PATIENT,
    Visibility.HIDDEN_FROM_REPRESENTATIVES: pb.VISIBILITY_HIDDEN_FROM_REPRESENTATIVES,
}
_LABELS_BY_NUMBER = {int(number): label for label, number in LABELS.items()}
STATUSES = {Status.APPROVED: pb.AVAILABILITY_STATUS_APPROVED, Status.DEPRECATED: pb.AVAILABILITY_STATUS_DEPRECATED}
STATUS_BY_NUMBER = {int(number): status for status, number in STATUSES.items()}


def check_purpose(purpose: int) -> None:
    """Raise ``Denied`` PURPOSE_NOT_ALLOWED unless it is the token's, ``InvalidArgument`` when none is stated."""
    if purpose == purpose_of_use_pb2.PURPOSE_OF_USE_UNSPECIFIED:
        raise InvalidArgument("INVALID_FIELD", "is required", field="purpose")
    names = purpose_of_use_pb2.PurposeOfUse.DESCRIPTOR.values_by_number
    if purpose not in names or names[purpose].name != f"PURPOSE_OF_USE_{current_user().purpose}":
        raise Denied("PURPOSE_NOT_ALLOWED", "must be the token's purpose", field="purpose")


def instant(time: Timestamp, field: str) -> datetime:
    """A time stamp as an instant. Raises ``InvalidArgument`` for one out of range."""
    try:
        return time.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidArgument("INVALID_FIELD", "must be a time from year 1 to 9999", field=field) from None


def _code(message: pb.Code) -> Code:
    return Code(message.code, message.system, message.display)


def _author(message: pb.Author) -> Author:
    return Author(
        message.identifier,
        message.family_name,
        message.given_name,
        _code(message.specialty) if message.HasField("specialty") else None,
        message.institution,
        message.institution_identifier,
    )


def claim_of(entry: pb.DocumentEntry) -> Claim:
    """What a depositor says of a document; output-only fields are ignored."""

    def code(name: str) -> Code | None:
        return _code(getattr(entry, name)) if entry.HasField(name) else None  # type: ignore[arg-type]  # a field of the message

    def time(name: str) -> datetime | None:
        return instant(getattr(entry, name), f"header.entry.{name}") if entry.HasField(name) else None  # type: ignore[arg-type]

    return Claim(
        unique_id=entry.unique_id,
        type=code("type"),
        format=code("format"),
        mime_type=entry.mime_type,
        language_code=entry.language_code,
        title=entry.title,
        authors=tuple(_author(author) for author in entry.authors[:51]),
        legal_authenticator=_author(entry.legal_authenticator) if entry.HasField("legal_authenticator") else None,
        confidentiality=entry.confidentiality,
        facility_type=code("facility_type"),
        practice_setting=code("practice_setting"),
        creation_time=time("creation_time"),
        service_start_time=time("service_start_time"),
        service_stop_time=time("service_stop_time"),
        event_codes=tuple(_code(one) for one in entry.event_codes[:201]),
        replaces=entry.replaces,
    )


def labels_of(numbers: Sequence[int]) -> tuple[Visibility, ...]:
    """Visibility labels. Raises ``InvalidArgument`` for one that is not known."""
    if any(number not in _LABELS_BY_NUMBER for number in numbers):
        raise InvalidArgument("INVALID_FIELD", "must be known labels", field="header.entry.visibilities")
    return tuple(_LABELS_BY_NUMBER[number] for number in numbers)


def _code_message(code: Code) -> pb.Code:
    return pb.Code(code=code.code, system=code.system, display=code.display)


def _author_message(author: Author) -> pb.Author:
    return pb.Author(
        identifier=author.identifier,
        family_name=author.family_name,
        given_name=author.given_name,
        specialty=_code_message(author.specialty) if author.specialty else None,
        institution=author.institution,
        institution_identifier=author.institution_identifier,
    )


def _time(instant: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(instant)
    return message


def entry_message(shown: Shown) -> pb.DocumentEntry:
    """The entry as an answer carries it."""
    entry = shown.entry
    return pb.DocumentEntry(
        name=shown.name,
        unique_id=entry.unique_id,
        type=_code_message(entry.type),
        format=_code_message(entry.format),
        mime_type=entry.mime_type,
        language_code=entry.language_code,
        title=entry.title,
        authors=[_author_message(author) for author in entry.authors],
        legal_authenticator=_author_message(entry.legal_authenticator) if entry.legal_authenticator else None,
        confidentiality=entry.confidentiality,
        visibilities=sorted(LABELS[label] for label in shown.labels),
        facility_type=_code_message(entry.facility_type) if entry.facility_type else None,
        practice_setting=_code_message(entry.practice_setting) if entry.practice_setting else None,
        creation_time=_time(entry.creation_time),
        service_start_time=_time(entry.service_start_time) if entry.service_start_time else None,
        service_stop_time=_time(entry.service_stop_time) if entry.service_stop_time else None,
        event_codes=[_code_message(code) for code in entry.event_codes],
        size=entry.size,
        sha256=entry.sha256,
        availability_status=STATUSES[shown.status] if shown.status else pb.AVAILABILITY_STATUS_UNSPECIFIED,
        deposit_time=_time(entry.deposit_time),
        depositor=entry.depositor,
        replaces=entry.replaces,
        replaced_by=shown.replaced_by,
        etag=shown.etag,
        **{"class": _code_message(entry.document_class)},  # a Python keyword, so it cannot be spelt as an argument
    )
