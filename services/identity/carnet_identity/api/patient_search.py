"""`carnet.identity.v1.PatientSearchService`: finding persons without their INS, and saying who was meant."""

from __future__ import annotations

import grpc
from carnet.identity.v1 import patient_pb2
from carnet.identity.v1 import patient_search_service_pb2 as pb
from carnet.identity.v1.patient_search_service_pb2_grpc import PatientSearchServiceServicer
from carnet_platform.idempotency import asked
from carnet_platform.identifiers import parse_name

from carnet_identity.api import mapping
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.patient import Patient
from carnet_identity.domain.patient_search import Candidate, Said
from carnet_identity.domain.traits import Sex
from carnet_identity.usecases.search_patients import SearchPatients
from carnet_identity.usecases.select_candidate import Choice, SelectCandidate


class PatientSearchServicer(PatientSearchServiceServicer):
    """Parses, asks the use case, maps the answer."""

    def __init__(self, search: SearchPatients, select: SelectCandidate) -> None:
        self._search = search
        self._select = select

    async def SearchPatients(  # noqa: N802 - the contract's name
        self, request: pb.SearchPatientsRequest, context: grpc.aio.ServicerContext[pb.SearchPatientsRequest, pb.SearchPatientsResponse]
    ) -> pb.SearchPatientsResponse:
        """Finds persons by traits."""
        del context
        with mapping.refusing():
            shown = await self._search(_said(request))
        return pb.SearchPatientsResponse(
            candidates=[_candidate(one) for one in shown.candidates], refine=shown.is_too_wide, search=shown.search.name
        )

    async def SelectCandidate(  # noqa: N802
        self, request: pb.SelectCandidateRequest, context: grpc.aio.ServicerContext[pb.SelectCandidateRequest, pb.SelectCandidateResponse]
    ) -> pb.SelectCandidateResponse:
        """Says who was meant."""
        del context
        (search,) = parse_name(request.search, "patientSearches/*", "search")
        (patient,) = parse_name(request.patient, "patients/*", "patient") if request.patient else ("",)
        answer = await self._select(asked(request), Choice(search, patient), _selected)
        return pb.SelectCandidateResponse.FromString(answer)


def _said(request: pb.SearchPatientsRequest) -> Said:
    return Said(
        family_name=request.family_name,
        given_name=request.given_name,
        birth_date=request.birth_date,
        earliest_birth_date=request.earliest_birth_date,
        latest_birth_date=request.latest_birth_date,
        commune=request.commune,
        sex=_sex(request.sex),
    )


def _sex(value: patient_pb2.Sex.ValueType) -> Sex | None:
    if value == patient_pb2.SEX_UNSPECIFIED:
        return None
    try:
        return Sex(patient_pb2.Sex.Name(value).removeprefix("SEX_"))
    except ValueError:
        raise BrokenRule("sex", "a sex is one of the contract") from None


def _candidate(one: Candidate) -> pb.Candidate:
    person = mapping.patient_to(one.patient)
    return pb.Candidate(
        patient=person.name,
        traits=person.traits,
        residence_commune=one.patient.residence_commune,
        score=one.score,
        homonym_known=one.is_homonym_known,
        deceased=one.patient.is_deceased,
    )


def _selected(patient: Patient | None) -> bytes:
    person = None if patient is None else mapping.patient_to(patient)
    return pb.SelectCandidateResponse(patient=person).SerializeToString(deterministic=True)
