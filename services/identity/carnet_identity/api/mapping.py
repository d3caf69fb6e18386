"""Between messages and the domain: parse, don't validate.

What comes in leaves as a value of the domain or as a `Refusal` that names the field and the rule; `refusing` maps what the domain
says to the code and reason of the contract, once for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from carnet.common.v1 import purpose_of_use_pb2
from carnet.identity.v1 import directory_service_pb2, patient_pb2, patient_reference_service_pb2
from carnet_platform.errors import AlreadyExists, Denied, FailedPrecondition, InvalidArgument, Refusal, Unauthenticated
from google.protobuf.timestamp_pb2 import Timestamp

from carnet_identity.domain.activity import Activity
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.comparison import Comparison
from carnet_identity.domain.directory import Professional, Structure
from carnet_identity.domain.identity_evidence import IdentityEvidence, IdentityPaper, parse_evidence
from carnet_identity.domain.identity_status import IdentityAttribute, IdentityStatus
from carnet_identity.domain.ins import Ins, parse_ins
from carnet_identity.domain.patient import Death, FormerIns, Patient
from carnet_identity.domain.traits import Sex, Traits, parse_traits
from carnet_identity.usecases.refer_to_patient import Standing

_CODES: dict[str, type[Refusal]] = {
    "ASSERTION_INVALID": Unauthenticated,
    "PURPOSE_NOT_ALLOWED": Denied,
    "USER_CONTRADICTED": Denied,
    "INS_TAKEN": AlreadyExists,
    "PERSON_DECEASED": FailedPrecondition,
    "STATE_FORBIDS": FailedPrecondition,
}
"""The kind of refusal of a broken rule, by its reason; INVALID_ARGUMENT otherwise."""


@contextmanager
def refusing() -> Iterator[None]:
    """Turns a broken rule into the refusal the contract knows."""
    try:
        yield
    except BrokenRule as broken:
        raise _CODES.get(broken.reason, InvalidArgument)(broken.reason, broken.rule, field=broken.field) from None


def ins_from(message: patient_pb2.Ins, *, is_production: bool) -> Ins:
    """A strict INS; BrokenRule otherwise."""
    return parse_ins(message.value, message.authority, is_production=is_production)


def raw_traits_from(message: patient_pb2.Traits) -> Traits:
    """The traits as sent, unchecked."""
    return Traits(
        birth_family_name=message.birth_family_name,
        first_given_name=message.first_given_name,
        given_names=message.given_names,
        birth_date=message.birth_date,
        sex=_sex_from(message.sex),
        birth_place=message.birth_place,
        used_family_name=message.used_family_name,
        used_given_name=message.used_given_name,
    )


def traits_from(message: patient_pb2.Traits, *, today: date) -> Traits:
    """Traits that may be registered; BrokenRule otherwise."""
    return parse_traits(raw_traits_from(message), today=today)


def status_from(value: patient_pb2.IdentityStatus.ValueType) -> IdentityStatus:
    """The status vouched for; BrokenRule when it is not stated or unknown."""
    try:
        return IdentityStatus(patient_pb2.IdentityStatus.Name(value).removeprefix("IDENTITY_STATUS_"))
    except ValueError:
        raise BrokenRule("identity_status", "required: how far the identity was verified") from None


def status_to(status: IdentityStatus) -> patient_pb2.IdentityStatus.ValueType:
    """The status of the contract."""
    return patient_pb2.IdentityStatus.Value(f"IDENTITY_STATUS_{status.value}")


def standing_to(standing: Standing) -> patient_reference_service_pb2.GetIdentityStatusResponse:
    """What other services are told of a person."""
    return patient_reference_service_pb2.GetIdentityStatusResponse(
        identity_status=status_to(standing.status),
        deceased=standing.is_deceased,
        revision=standing.revision,
        residence_departement=standing.departement,
        comparison_open=standing.has_open_comparison,
    )


def evidence_from(message: patient_pb2.IdentityEvidence, *, now: datetime, tolerance: timedelta) -> IdentityEvidence:
    """What a status rests on; BrokenRule otherwise."""
    evidence = IdentityEvidence(
        insi_call_time=_time_from(message, "insi_call_time"),
        paper=_paper_from(message.paper),
        paper_check_time=_time_from(message, "paper_check_time"),
    )
    return parse_evidence(evidence, now=now, tolerance=tolerance)


def attributes_from(values: Iterable[patient_pb2.IdentityAttribute.ValueType]) -> frozenset[IdentityAttribute]:
    """The attributes as they are to be; BrokenRule for one that is unknown."""
    try:
        names = [patient_pb2.IdentityAttribute.Name(value).removeprefix("IDENTITY_ATTRIBUTE_") for value in values]
        return frozenset(IdentityAttribute(name) for name in names)
    except ValueError:
        raise BrokenRule("identity_attributes", "an attribute is homonym, doubtful or fictitious") from None


def patient_to(patient: Patient) -> patient_pb2.Patient:
    """A person as told to a named professional."""
    traits = patient.traits
    return patient_pb2.Patient(
        name=patient.name,
        ins=_ins_to(patient.ins),
        traits=patient_pb2.Traits(
            birth_family_name=traits.birth_family_name,
            first_given_name=traits.first_given_name,
            given_names=traits.given_names,
            birth_date=traits.birth_date,
            sex=patient_pb2.Sex.Value(f"SEX_{traits.sex.value}") if traits.sex else patient_pb2.SEX_UNSPECIFIED,
            birth_place=traits.birth_place,
            used_family_name=traits.used_family_name,
            used_given_name=traits.used_given_name,
        ),
        identity_status=status_to(patient.status),
        identity_attributes=sorted(
            patient_pb2.IdentityAttribute.Value(f"IDENTITY_ATTRIBUTE_{attribute.value}") for attribute in patient.attributes
        ),
        residence_commune=patient.residence_commune,
        former_ins=[_former_to(former) for former in patient.former],
        death=_death_to(patient.death) if patient.death else None,
        etag=patient.etag,
        identity_evidence=_evidence_to(patient.evidence),
    )


def comparison_to(comparison: Comparison, status: IdentityStatus) -> patient_reference_service_pb2.MatchPatientResponse:
    """What a comparison found, and how far the person was verified."""
    difference = patient_reference_service_pb2.MatchPatientResponse.Difference
    return patient_reference_service_pb2.MatchPatientResponse(
        same_person=comparison.is_same_person,
        differences=[difference(trait=one.trait, decisive=one.is_decisive) for one in comparison.differences],
        identity_status=status_to(status),
    )


def professional_to(professional: Professional) -> directory_service_pb2.Professional:
    """A professional of the directory."""
    return directory_service_pb2.Professional(
        name=professional.name,
        rpps=professional.rpps,
        family_name=professional.family_name,
        given_name=professional.given_name,
        profession=professional.profession,
        specialty=professional.specialty,
        title=professional.title,
        structures=professional.structures,
        national_id=professional.national_id,
        activities=[_activity_to(activity) for activity in professional.activities],
    )


def _activity_to(activity: Activity) -> directory_service_pb2.Activity:
    return directory_service_pb2.Activity(
        structure=activity.structure,
        profession=activity.profession,
        specialty=activity.specialty,
        sector=activity.sector,
        mode=activity.mode,
        locum=activity.is_locum,
        begin_date=activity.begin_date,
        end_date=activity.end_date,
    )


def structure_to(structure: Structure) -> directory_service_pb2.Structure:
    """A structure of the directory."""
    return directory_service_pb2.Structure(
        name=structure.name,
        finess=structure.finess,
        display_name=structure.display_name,
        entity_finess=structure.entity_finess,
        siren=structure.siren,
        siret=structure.siret,
    )


def purpose_from(value: purpose_of_use_pb2.PurposeOfUse.ValueType) -> str:
    """The purpose's name without its prefix; BrokenRule when it is not stated or unknown."""
    if value == purpose_of_use_pb2.PURPOSE_OF_USE_UNSPECIFIED or value not in purpose_of_use_pb2.PurposeOfUse.values():
        raise BrokenRule("purpose", "required: why the user acts")
    return purpose_of_use_pb2.PurposeOfUse.Name(value).removeprefix("PURPOSE_OF_USE_")


def timestamp_to(time: datetime) -> Timestamp:
    """An instant of the contract."""
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


def _sex_from(value: patient_pb2.Sex.ValueType) -> Sex | None:
    try:
        return Sex(patient_pb2.Sex.Name(value).removeprefix("SEX_"))
    except ValueError:
        return None


def _ins_to(ins: Ins) -> patient_pb2.Ins:
    return patient_pb2.Ins(value=ins.value, authority=ins.authority)


def _former_to(former: FormerIns) -> patient_pb2.FormerIns:
    return patient_pb2.FormerIns(
        ins=_ins_to(former.ins),
        begin_time=timestamp_to(former.begin_time) if former.begin_time else None,
        end_time=timestamp_to(former.end_time),
    )


def _death_to(death: Death) -> patient_pb2.Death:
    return patient_pb2.Death(death_date=death.death_date, evidence=death.evidence, record_time=timestamp_to(death.record_time))


def _evidence_to(evidence: IdentityEvidence) -> patient_pb2.IdentityEvidence:
    paper = f"IDENTITY_PAPER_{evidence.paper.value if evidence.paper else 'UNSPECIFIED'}"
    return patient_pb2.IdentityEvidence(
        insi_call_time=timestamp_to(evidence.insi_call_time) if evidence.insi_call_time else None,
        paper=patient_pb2.IdentityPaper.Value(paper),
        paper_check_time=timestamp_to(evidence.paper_check_time) if evidence.paper_check_time else None,
    )


def _paper_from(value: patient_pb2.IdentityPaper.ValueType) -> IdentityPaper | None:
    if value == patient_pb2.IDENTITY_PAPER_UNSPECIFIED:
        return None
    try:
        return IdentityPaper(patient_pb2.IdentityPaper.Name(value).removeprefix("IDENTITY_PAPER_"))
    except ValueError:
        raise BrokenRule("identity_evidence.paper", "an identity paper is one of those of the RNIV") from None


def _time_from(message: patient_pb2.IdentityEvidence, name: Literal["insi_call_time", "paper_check_time"]) -> datetime | None:
    if not message.HasField(name):
        return None
    try:
        time: datetime = getattr(message, name).ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise BrokenRule(f"identity_evidence.{name}", "an instant between the years 1 and 9999") from None
    return time
