"""Asks identity how far a person was identified, what a professional's profession is, how a mandate stands. No trait comes through here."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC

import structlog
from carnet.identity.v1 import directory_service_pb2 as directory
from carnet.identity.v1 import directory_service_pb2_grpc as directory_grpc
from carnet.identity.v1 import mandate_reference_service_pb2 as mandates
from carnet.identity.v1 import mandate_reference_service_pb2_grpc as mandates_grpc
from carnet.identity.v1 import mandate_service_pb2, patient_pb2
from carnet.identity.v1 import patient_reference_service_pb2 as reference
from carnet.identity.v1 import patient_reference_service_pb2_grpc as reference_grpc
from carnet_platform.errors import NotFound, Refusal
from carnet_platform.peers import Peer

from carnet_consent.domain.mandate import Mandate, MandateKind
from carnet_consent.domain.person import PersonStatus
from carnet_consent.domain.refusal import RuleBrokenError

_log = structlog.get_logger(__name__)
NAMES_AT_ONCE = 200
"""Most names in one call of the directory."""


def person_status(answer: reference.GetIdentityStatusResponse) -> PersonStatus:
    """What identity says of a person."""
    is_qualified = answer.identity_status == patient_pb2.IDENTITY_STATUS_QUALIFIED
    return PersonStatus(is_qualified, answer.deceased, answer.revision, answer.residence_departement, answer.comparison_open)


class IdentityClient:
    """Implements the ports `Identities` and `Mandates` of the use cases."""

    def __init__(
        self,
        references: "Peer[reference_grpc.PatientReferenceServiceAsyncStub]",
        directory_peer: "Peer[directory_grpc.DirectoryServiceAsyncStub]",
        mandates_peer: "Peer[mandates_grpc.MandateReferenceServiceAsyncStub]",
    ) -> None:
        self._references, self._directory, self._mandates = references, directory_peer, mandates_peer

    async def status(self, patient: str, professional: str = "") -> PersonStatus:
        """What is known of a person; RuleBrokenError NOT_FOUND for a name never given, Unavailable without an answer."""
        try:
            answer = await self._references().GetIdentityStatus(
                reference.GetIdentityStatusRequest(patient=patient, professional=professional)
            )
        except NotFound:
            raise RuleBrokenError("NOT_FOUND", "There is no such person.") from None
        return person_status(answer)

    async def profession(self, professional: str) -> str:
        """TRE_G15 code of a professional; empty for one the directory does not know."""
        answer = await self._directory().BatchGetDisplayNames(directory.BatchGetDisplayNamesRequest(names=[professional]))
        return next((found.profession for found in answer.display_names if found.name == professional), "")

    async def display_names(self, resources: Iterable[str]) -> Mapping[str, str]:
        """How professionals and structures are called, by resource name. A name that cannot be had now is left out."""
        wanted = sorted(set(resources))
        found: dict[str, str] = {}
        for start in range(0, len(wanted), NAMES_AT_ONCE):
            request = directory.BatchGetDisplayNamesRequest(names=wanted[start : start + NAMES_AT_ONCE])
            try:
                answer = await self._directory().BatchGetDisplayNames(request)
            except Refusal as refusal:
                _log.warning("names.unavailable", reason=refusal.reason)
                break
            found |= {one.name: one.display_name for one in answer.display_names}
        return found

    async def professions(self, names: Sequence[str]) -> dict[str, str]:
        """TRE_G15 code of each professional whom the directory knows: one call for as many as it takes at once, all at the same time."""
        batches = [names[first : first + NAMES_AT_ONCE] for first in range(0, len(names), NAMES_AT_ONCE)]
        answers = await asyncio.gather(
            *(self._directory().BatchGetDisplayNames(directory.BatchGetDisplayNamesRequest(names=batch)) for batch in batches)
        )
        return {found.name: found.profession for answer in answers for found in answer.display_names}

    async def structure_keys(self, structure: str) -> str:
        """The public keys that stand for `structures/{s}` now, as a JSON Web Key Set; Unavailable without an answer."""
        return (await self._directory().ListStructureKeys(directory.ListStructureKeysRequest(structure=structure))).jwks

    async def standing(self, mandate: str, mandatary: str) -> Mandate | None:
        """`mandates/{m}` as it stands now, for `patients/{p}`; None when she has none in force; Unavailable without answer."""
        answer = await self._mandates().CheckMandate(mandates.CheckMandateRequest(mandate=mandate))
        if not answer.in_force or answer.mandatary != mandatary:
            return None
        try:
            kind = MandateKind(mandate_service_pb2.MandateKind.Name(answer.kind).removeprefix("MANDATE_KIND_"))
        except ValueError:  # a kind that this version does not know covers nothing
            return None
        return Mandate(
            name=mandate,
            holder=answer.holder,
            kind=kind,
            end=answer.end_time.ToDatetime(UTC) if answer.HasField("end_time") else None,
            classes=tuple(answer.classes),
            hidden_structures=tuple(answer.hidden_structures),
        )
