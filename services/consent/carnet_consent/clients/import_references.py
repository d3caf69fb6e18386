"""Asks identity whom the national numbers of many lines stand for, many at once. No trait comes through here."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Final, TypeVar

from carnet.common.v1.error_reason_pb2 import ErrorReason
from carnet.identity.v1 import import_reference_service_pb2 as pb
from carnet.identity.v1 import import_reference_service_pb2_grpc as pb_grpc
from carnet.identity.v1.patient_pb2 import Ins
from carnet_platform.peers import Peer

from carnet_consent.clients.identity import person_status
from carnet_consent.domain.import_line import Heading, ImportLine
from carnet_consent.domain.importing import KnownPerson, KnownSubject, Resolved
from carnet_consent.domain.refusal import RuleBrokenError

T = TypeVar("T")
MOST_PERSONS: Final = 500
MOST_SUBJECTS: Final = 2000
_HEADINGS: Final = {"authority": Heading.INS_AUTHORITY.value}
PATIENCE_SECONDS: Final = 30.0


class ImportReferences:
    """Implements the port `References` of the use case."""

    def __init__(self, peer: "Peer[pb_grpc.ImportReferenceServiceAsyncStub]") -> None:
        self._peer = peer

    async def resolve(self, lines: Sequence[ImportLine]) -> Resolved:
        """Whom the numbers of these lines stand for: one call unless they name more than it takes. Unavailable without answer."""
        numbers = sorted({subject.number for line in lines for _, subject in line.subjects})
        professionals = [number for number in numbers if number.startswith("8")]
        structures = [number for number in numbers if not number.startswith("8")]
        inses = [Ins(value=line.ins, authority=line.authority) for line in lines]
        persons: list[KnownPerson | RuleBrokenError] = []
        subjects: dict[str, KnownSubject] = {}
        for some, doctors, places in zip_longest(
            _parts(inses, MOST_PERSONS), _parts(professionals, MOST_SUBJECTS), _parts(structures, MOST_SUBJECTS), fillvalue=()
        ):
            request = pb.ResolveReferencesRequest(persons=some, professionals=doctors, structures=places)
            answer = await self._peer().ResolveReferences(request, timeout=PATIENCE_SECONDS)
            persons += [_person(one) for one in answer.persons]
            for number, doctor in zip(doctors, answer.professionals, strict=True):
                if doctor.professional:
                    subjects[number] = KnownSubject(doctor.professional, tuple(doctor.professions))
            for number, place in zip(places, answer.structures, strict=True):
                if place.structure:
                    subjects[number] = KnownSubject(place.structure)
        if len(persons) != len(lines):
            raise ValueError("identity answers each number once")
        return Resolved(persons, subjects)


def _person(answer: pb.ResolveReferencesResponse.Person) -> KnownPerson | RuleBrokenError:
    if not answer.patient:
        reason = ErrorReason.Name(answer.refusal).removeprefix("ERROR_REASON_")
        return RuleBrokenError(reason, answer.rule, field=_HEADINGS.get(answer.field, Heading.INS.value))
    return KnownPerson(answer.patient, person_status(answer.standing))


def _parts(values: Sequence[T], most: int) -> list[Sequence[T]]:
    return [values[first : first + most] for first in range(0, len(values), most)]
