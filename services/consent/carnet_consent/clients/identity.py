"""Asks identity how far a person was identified, and what a professional's profession is. No trait of anybody comes through here."""

from carnet.identity.v1 import directory_service_pb2 as directory
from carnet.identity.v1 import directory_service_pb2_grpc as directory_grpc
from carnet.identity.v1 import patient_pb2
from carnet.identity.v1 import patient_reference_service_pb2 as reference
from carnet.identity.v1 import patient_reference_service_pb2_grpc as reference_grpc
from carnet_platform.errors import NotFound
from carnet_platform.peers import Peer

from carnet_consent.domain.refusal import RuleBrokenError


class IdentityClient:
    """Implements the port `Identities` of the use cases."""

    def __init__(
        self,
        references: "Peer[reference_grpc.PatientReferenceServiceAsyncStub]",
        directory_peer: "Peer[directory_grpc.DirectoryServiceAsyncStub]",
    ) -> None:
        self._references, self._directory = references, directory_peer

    async def is_qualified(self, patient: str) -> bool:
        """Whether a person's identity is qualified; RuleBrokenError NOT_FOUND for a name never given, Unavailable without an answer."""
        try:
            answer = await self._references().GetIdentityStatus(reference.GetIdentityStatusRequest(patient=patient))
        except NotFound:
            raise RuleBrokenError("NOT_FOUND", "There is no such person.") from None
        return answer.identity_status == patient_pb2.IDENTITY_STATUS_QUALIFIED

    async def profession(self, professional: str) -> str:
        """TRE_G15 code of a professional; empty for one the directory does not know."""
        answer = await self._directory().BatchGetDisplayNames(directory.BatchGetDisplayNamesRequest(names=[professional]))
        return next((found.profession for found in answer.display_names if found.name == professional), "")
