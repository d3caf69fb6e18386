"""`carnet.identity.v1.ImportReferenceService`: whom the national numbers of an earlier system's records stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import grpc
from carnet.common.v1.error_reason_pb2 import ErrorReason
from carnet.identity.v1 import import_reference_service_pb2 as pb
from carnet.identity.v1 import patient_pb2
from carnet.identity.v1.import_reference_service_pb2_grpc import ImportReferenceServiceServicer
from carnet_platform.errors import InvalidArgument

from carnet_identity.api import mapping
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.ins import Ins
from carnet_identity.domain.rpps import rpps_of_idnps
from carnet_identity.usecases.resolve_references import KnownPerson, ResolveReferences

MOST_PERSONS: Final = 500
MOST_OTHERS: Final = 2000
_Found = pb.ResolveReferencesResponse


class ImportReferenceServicer(ImportReferenceServiceServicer):
    """Parses, asks the use case, maps the answer: a number that breaks a rule is answered in its place, and no other suffers for it."""

    def __init__(self, resolve: ResolveReferences, *, is_production: bool) -> None:
        self._resolve = resolve
        self._is_production = is_production

    async def ResolveReferences(  # noqa: N802 - the contract's name
        self,
        request: pb.ResolveReferencesRequest,
        context: grpc.aio.ServicerContext[pb.ResolveReferencesRequest, pb.ResolveReferencesResponse],
    ) -> pb.ResolveReferencesResponse:
        """Finds persons, professionals and structures."""
        del context
        for field, numbers, most in (
            ("persons", len(request.persons), MOST_PERSONS),
            ("professionals", len(request.professionals), MOST_OTHERS),
            ("structures", len(request.structures), MOST_OTHERS),
        ):
            if numbers > most:
                raise InvalidArgument("INVALID_FIELD", f"at most {most}", field=field)
        return pb.ResolveReferencesResponse(
            persons=await self._persons(request.persons),
            professionals=await self._professionals(request.professionals),
            structures=await self._structures(request.structures),
        )

    async def _persons(self, asked: Sequence[patient_pb2.Ins]) -> list[_Found.Person]:
        parsed = [self._parsed(one) for one in asked]
        known = await self._resolve.persons([one for one in parsed if isinstance(one, Ins)])
        return [one if isinstance(one, _Found.Person) else _person(one, known) for one in parsed]

    def _parsed(self, asked: patient_pb2.Ins) -> Ins | _Found.Person:
        try:
            return mapping.ins_from(asked, is_production=self._is_production)
        except BrokenRule as broken:
            reason = ErrorReason.Value(f"ERROR_REASON_{broken.reason}")
            return _Found.Person(refusal=reason, field=broken.field.removeprefix("ins."), rule=broken.rule)

    async def _professionals(self, asked: Sequence[str]) -> list[_Found.Professional]:
        numbers = [_rpps(one) for one in asked]
        known = await self._resolve.professionals([number for number in numbers if number])
        found = [known.get(number) for number in numbers]
        return [
            _Found.Professional()
            if one is None
            else _Found.Professional(professional=one.name, professions=sorted({activity.profession for activity in one.activities}))
            for one in found
        ]

    async def _structures(self, asked: Sequence[str]) -> list[_Found.Structure]:
        known = await self._resolve.structures(asked)
        return [_Found.Structure(structure=known.get(number, "")) for number in asked]


def _rpps(number: str) -> str:
    """The RPPS of an IDNPS; "" for what is none, which the directory does not have."""
    try:
        return rpps_of_idnps(number)
    except BrokenRule:
        return ""


def _person(ins: Ins, known: Mapping[Ins, KnownPerson]) -> _Found.Person:
    found = known.get(ins)
    if found is None:
        return _Found.Person(refusal=ErrorReason.ERROR_REASON_NOT_FOUND, field="value", rule="no person is registered under this INS")
    return _Found.Person(patient=found.name, standing=mapping.standing_to(found.standing))
