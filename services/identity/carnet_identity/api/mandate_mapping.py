"""Between the messages of mandates and the domain: parse, don't validate."""

from __future__ import annotations

from datetime import UTC, datetime

from carnet.identity.v1 import mandate_reference_service_pb2 as reference
from carnet.identity.v1 import mandate_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from carnet_identity.api import mapping
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.mandatary_match import MandataryMatch
from carnet_identity.domain.mandate import Mandate, MandateKind, MandateRelation
from carnet_identity.usecases.check_mandate import Standing
from carnet_identity.usecases.consult_mandates import ToldMandate


def kind_from(value: pb.MandateKind.ValueType) -> MandateKind:
    """What a mandate is for; BrokenRule when it is not stated or unknown."""
    try:
        return MandateKind(pb.MandateKind.Name(value).removeprefix("MANDATE_KIND_"))
    except ValueError:
        raise BrokenRule("kind", "required: what the mandate is for") from None


def relation_from(value: pb.MandateRelation.ValueType) -> MandateRelation:
    """How the two are related; BrokenRule when it is not stated or unknown."""
    try:
        return MandateRelation(pb.MandateRelation.Name(value).removeprefix("MANDATE_RELATION_"))
    except ValueError:
        raise BrokenRule("relation", "required: how the two are related") from None


def match_from(message: pb.MandataryMatch, *, is_production: bool) -> MandataryMatch:
    """Whom a mandate is meant for; BrokenRule, naming the field, for what could fit nobody by its form."""
    try:
        ins = mapping.ins_from(message.ins, is_production=is_production)
    except BrokenRule as broken:
        raise BrokenRule(f"mandatary.{broken.field}", broken.rule) from None
    return MandataryMatch(ins=ins, family_name=message.family_name, given_name=message.given_name, birth_date=message.birth_date)


def time_from(message: pb.RegisterMandateRequest | pb.InviteMandateRequest, field: str) -> datetime | None:
    """An instant that may be absent, in milliseconds."""
    if not message.HasField(field):  # type: ignore[arg-type]  # the two names that both messages have
        return None
    stamp: Timestamp = getattr(message, field)
    try:
        time = stamp.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise BrokenRule(field, "must be an instant") from None
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def mandate_to(told: ToldMandate) -> pb.Mandate:
    """A mandate as its reader may see it: who was invited is known once she has accepted."""
    mandate = told.mandate
    knows_mandatary = mandate.was_in_force or told.reader == mandate.mandatary
    message = pb.Mandate(
        name=mandate.name,
        holder=mandate.holder,
        mandatary=mandate.mandatary if knows_mandatary else "",
        kind=_kind_to(mandate.kind),
        relation=pb.MandateRelation.Value(f"MANDATE_RELATION_{mandate.relation.value}"),
        state=pb.MandateState.Value(f"MANDATE_STATE_{mandate.state.value}"),
        classes=mandate.classes,
        etag=mandate.etag,
        hidden_structures=told.hidden_structures,
    )
    if mandate.begin is not None:
        message.begin_time.FromDatetime(mandate.begin)
    if mandate.end is not None:
        message.end_time.FromDatetime(mandate.end)
    if mandate.invitation_expires is not None:
        message.invitation_expire_time.FromDatetime(mandate.invitation_expires)
    return message


def standing_to(standing: Standing | None) -> reference.CheckMandateResponse:
    """How a mandate stands, for the service that decides."""
    if standing is None:
        return reference.CheckMandateResponse(in_force=False)
    mandate = standing.mandate
    message = reference.CheckMandateResponse(
        in_force=True,
        holder=mandate.holder,
        mandatary=mandate.mandatary,
        kind=_kind_to(mandate.kind),
        classes=mandate.classes,
        hidden_structures=standing.hidden_structures,
    )
    if mandate.end is not None:
        message.end_time.FromDatetime(mandate.end)
    return message


def registered(mandate: Mandate, reader: str = "") -> bytes:
    """The answer of RegisterMandate."""
    return _bytes(pb.RegisterMandateResponse(mandate=mandate_to(ToldMandate(mandate, reader))))


def invited(mandate: Mandate) -> bytes:
    """The answer of InviteMandate: alike whomever it fits."""
    answer = pb.InviteMandateResponse(mandate=mandate.name)
    if mandate.invitation_expires is not None:
        answer.invitation_expire_time.FromDatetime(mandate.invitation_expires)
    return _bytes(answer)


def accepted(mandate: Mandate) -> bytes:
    """The answer of AcceptMandate, to the mandatary."""
    return _bytes(pb.AcceptMandateResponse(mandate=mandate_to(ToldMandate(mandate, mandate.mandatary))))


def refused(mandate: Mandate) -> bytes:
    """The answer of RefuseMandate, to the mandatary."""
    return _bytes(pb.RefuseMandateResponse(mandate=mandate_to(ToldMandate(mandate, mandate.mandatary))))


def suspended(mandate: Mandate, reader: str) -> bytes:
    """The answer of SuspendMandate."""
    return _bytes(pb.SuspendMandateResponse(mandate=mandate_to(ToldMandate(mandate, reader))))


def ended(mandate: Mandate, reader: str) -> bytes:
    """The answer of EndMandate."""
    return _bytes(pb.EndMandateResponse(mandate=mandate_to(ToldMandate(mandate, reader))))


def hidden(structures: tuple[str, ...]) -> bytes:
    """The answer of SetPlaceOfCareHidden."""
    return _bytes(pb.SetPlaceOfCareHiddenResponse(hidden_structures=structures))


def _kind_to(kind: MandateKind) -> pb.MandateKind.ValueType:
    return pb.MandateKind.Value(f"MANDATE_KIND_{kind.value}")


def _bytes(
    message: pb.RegisterMandateResponse
    | pb.InviteMandateResponse
    | pb.AcceptMandateResponse
    | pb.RefuseMandateResponse
    | pb.SuspendMandateResponse
    | pb.EndMandateResponse
    | pb.SetPlaceOfCareHiddenResponse,
) -> bytes:
    return message.SerializeToString(deterministic=True)
