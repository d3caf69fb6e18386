"""Every conversion between the messages of `carnet.consent.v1` and the values of the rules: parses, and does not trust."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from carnet.common.v1 import error_reason_pb2, purpose_of_use_pb2
from carnet.consent.v1 import access_decision_service_pb2 as decisions
from carnet.consent.v1 import authorisation_pb2 as statements
from carnet.consent.v1 import authorisation_service_pb2 as authorisations
from carnet.consent.v1 import emergency_access_service_pb2 as emergencies
from carnet.consent.v1 import record_pb2
from carnet.consent.v1 import record_service_pb2 as records
from carnet_platform.errors import InvalidArgument
from carnet_platform.identifiers import parse_name
from google.protobuf.timestamp_pb2 import Timestamp

from carnet_consent.domain.asker import Action
from carnet_consent.domain.consent import (
    AttendingPhysician,
    Consent,
    DepositOpposition,
    Episode,
    Statement,
    StatementKind,
    Switches,
)
from carnet_consent.domain.filter import DocumentFilter
from carnet_consent.domain.matrix import DocumentRights
from carnet_consent.domain.opening import Opening
from carnet_consent.domain.opposing import OppositionWish
from carnet_consent.domain.outcome import Denial, Permit
from carnet_consent.domain.stating import Wish
from carnet_consent.usecases.break_glass import Emergency
from carnet_consent.usecases.decide import Decided

_KINDS = {kind: statements.AuthorisationKind.Value(f"AUTHORISATION_KIND_{kind.value}") for kind in StatementKind}
_KINDS_OF = {number: kind for kind, number in _KINDS.items()}
_ACTIONS = {decisions.Action.Value(f"ACTION_{action.value}"): action for action in Action}
_PURPOSES = {number: name.removeprefix("PURPOSE_OF_USE_") for name, number in purpose_of_use_pb2.PurposeOfUse.items() if number}


def record_name(name: str, field: str) -> str:
    """A record's name, well formed."""
    parse_name(name, "records/*", field)
    return name


def patient_name(name: str) -> str:
    """A person's name, well formed."""
    parse_name(name, "patients/*", "patient")
    return name


def professional_name(name: str) -> str:
    """A professional's name, well formed."""
    parse_name(name, "professionals/*", "professional")
    return name


def grantee_name(name: str, field: str) -> str:
    """The name of a professional or structure, well formed."""
    pattern = "professionals/*" if name.startswith("professionals/") else "structures/*"
    parse_name(name, pattern, field)
    return name


def reader_name(name: str, field: str) -> str:
    """The name of a professional, a structure, or a person who acts for the holder, well formed."""
    if name.startswith("patients/"):
        parse_name(name, "patients/*", field)
        return name
    return grantee_name(name, field)


def child_name(name: str, collection: str, field: str) -> tuple[str, str]:
    """The record of `records/{r}/<collection>/{x}`, and x."""
    record, child = parse_name(name, f"records/*/{collection}/*", field)
    return f"records/{record}", child


def action(request: decisions.DecideRequest) -> Action:
    """What is asked."""
    if request.action not in _ACTIONS:
        raise InvalidArgument("INVALID_FIELD", "is required", field="action")
    return _ACTIONS[request.action]


def purpose(request: decisions.DecideRequest) -> str:
    """The purpose named, as a token names it."""
    if request.purpose not in _PURPOSES:
        raise InvalidArgument("INVALID_FIELD", "is required", field="purpose")
    return _PURPOSES[request.purpose]


def decision(decided: Decided, record: str, matrix_version: str, usable_for: timedelta) -> decisions.DecideResponse:
    """The answer of Decide."""
    answer = decisions.DecideResponse(
        rule=decided.decision.rule,
        source=decided.decision.source,
        consent_revision=decided.revision,
        matrix_version=matrix_version,
        position=decided.position,
        patient=decided.patient,
    )
    outcome = decided.decision.outcome
    if isinstance(outcome, Denial):
        answer.denial.reason = _reason(outcome.reason)
        answer.denial.message = outcome.message
    else:
        _fill_permit(answer.permit, outcome, record, decided.ends_in, usable_for)
    return answer


def _fill_permit(message: decisions.Permit, permit: Permit, record: str, ends_in: float | None, usable_for: timedelta) -> None:
    _fill_filter(message.filter, permit.filter)
    message.obligations.extend(decisions.Obligation.Value(f"OBLIGATION_{one.value}") for one in permit.obligations)
    message.usable_for.FromTimedelta(usable_for)
    if ends_in is not None:
        message.ends_in.FromTimedelta(timedelta(seconds=ends_in))
    if permit.episode:
        message.emergency_episode = f"{record}/emergencyEpisodes/{permit.episode}"


def _fill_filter(message: decisions.DocumentFilter, documents: DocumentFilter) -> None:
    message.CopyFrom(_rights(documents.rights))
    message.excluded_visibilities.extend(documents.excluded_visibilities)
    message.hidden_documents.extend(documents.hidden_documents)
    message.own_professional = documents.own_professional
    message.own_structure = documents.own_structure
    message.excluded_structures.extend(documents.excluded_structures)
    message.unmasked_types.extend(documents.unmasked_types)


@lru_cache(maxsize=256)
def _rights(rights: DocumentRights) -> decisions.DocumentFilter:
    """The part of a filter that is the same for everybody of a profession: made once. Never changed, only copied."""
    return decisions.DocumentFilter(
        all_types=rights.all_types, classes=rights.classes, allowed_types=rights.allowed_types, denied_types=rights.denied_types
    )


@lru_cache(maxsize=64)
def _reason(name: str) -> error_reason_pb2.ErrorReason.ValueType:
    return error_reason_pb2.ErrorReason.Value(f"ERROR_REASON_{name}")


def wish(authorisation: statements.Authorisation, *, is_for_another: bool) -> Wish:
    """What somebody asks to state."""
    kind = _KINDS_OF.get(authorisation.kind)
    if kind is None:
        raise InvalidArgument("INVALID_FIELD", "is required", field="authorisation.kind")
    end = _instant(authorisation.end_time, "authorisation.end_time") if authorisation.HasField("end_time") else None
    return Wish(grantee_name(authorisation.grantee, "authorisation.grantee"), kind, end, authorisation.motive, is_for_another)


def statement(stated: Statement, record: str) -> statements.Authorisation:
    """A statement as told."""
    message = statements.Authorisation(
        name=f"{record}/authorisations/{stated.id}",
        grantee=stated.grantee,
        kind=_KINDS[stated.kind],
        start_time=timestamp(stated.start),
        stated_by=stated.stated_by,
        motive=stated.motive,
    )
    if stated.end is not None:
        message.end_time.CopyFrom(timestamp(stated.end))
    return message


def opposition_wish(asked: statements.DepositOpposition) -> OppositionWish:
    """What somebody asks to oppose."""
    author = grantee_name(asked.author, "opposition.author") if asked.author else ""
    end = _instant(asked.end_time, "opposition.end_time") if asked.HasField("end_time") else None
    return OppositionWish(author, asked.document_class, end, asked.reason)


def opposition(stated: DepositOpposition, record: str) -> statements.DepositOpposition:
    """An opposition as told."""
    name = f"{record}/depositOppositions/{stated.id}"
    message = statements.DepositOpposition(name=name, author=stated.author, document_class=stated.document_class)
    if stated.end is not None:
        message.end_time.CopyFrom(timestamp(stated.end))
    return message


def physician_status(physician: AttendingPhysician) -> statements.AttendingPhysicianStatus.ValueType:
    """Pending or confirmed."""
    return statements.ATTENDING_PHYSICIAN_STATUS_CONFIRMED if physician.is_confirmed else statements.ATTENDING_PHYSICIAN_STATUS_PENDING


def statement_list(in_force: tuple[Statement, ...], consent: Consent) -> authorisations.ListAuthorisationsResponse:
    """The statements in force and the attending physicians."""
    return authorisations.ListAuthorisationsResponse(
        authorisations=[statement(one, consent.record) for one in in_force],
        attending_physicians=[
            authorisations.ListAuthorisationsResponse.AttendingPhysician(professional=one.professional, status=physician_status(one))
            for one in consent.attending_physicians
        ],
        deposit_oppositions=[opposition(one, consent.record) for one in consent.oppositions],
    )


def opening(request: records.OpenRecordRequest) -> Opening:
    """What somebody asks to open; without switches ETREAT and BTG are accepted."""
    evidence = request.evidence
    accepted = switches(request.emergency_switches) if request.HasField("emergency_switches") else Switches()
    return Opening(patient_name(request.patient), evidence.form, evidence.form_version, evidence.method, accepted)


def switches(message: record_pb2.EmergencySwitches) -> Switches:
    """All switches; one that is left out is off."""
    return Switches(message.dispatch, message.break_glass, message.masked_documents, message.directives)


def etag(consent: Consent) -> str:
    """What changes with every change of the record's consent."""
    return f'"{consent.revision}"'


def emergency(request: emergencies.BreakGlassRequest) -> Emergency:
    """What the professional attests and says."""
    lasts = request.duration.ToTimedelta() if request.HasField("duration") else None
    return Emergency(request.cannot_express_will, request.immediate_risk, request.reason, lasts, request.motive)


def episode(told: Episode, record: str) -> emergencies.EmergencyEpisode:
    """An emergency episode as told."""
    name = f"{record}/emergencyEpisodes/{told.id}"
    return emergencies.EmergencyEpisode(name=name, begin_time=timestamp(told.begin), end_time=timestamp(told.end))


def timestamp(instant: datetime) -> Timestamp:
    """An instant as a message."""
    message = Timestamp()
    message.FromDatetime(instant)
    return message


def _instant(message: Timestamp, field: str) -> datetime:
    try:
        return message.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidArgument("INVALID_FIELD", "must be an instant", field=field) from None


def instant(message: Timestamp, field: str) -> datetime:
    """An instant that must be given."""
    if message == Timestamp():
        raise InvalidArgument("INVALID_FIELD", "is required", field=field)
    return _instant(message, field)
