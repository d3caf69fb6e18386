"""`carnet.identity.v1.DirectoryService`: the public directory of professionals and structures."""

from __future__ import annotations

import grpc
from carnet.identity.v1 import directory_service_pb2 as pb
from carnet.identity.v1.directory_service_pb2_grpc import DirectoryServiceServicer
from carnet_platform.errors import InvalidArgument
from carnet_platform.identifiers import parse_name

from carnet_identity.api import mapping
from carnet_identity.domain.finess import parse_finess
from carnet_identity.domain.rpps import parse_rpps
from carnet_identity.usecases.consult_directory import ConsultDirectory
from carnet_identity.usecases.list_structure_keys import ListStructureKeys

_MOST_NAMES = 200
_KINDS = ("professionals", "structures", "patients")


class DirectoryServicer(DirectoryServiceServicer):
    """Parses, asks the use case, maps the answer."""

    def __init__(self, directory: ConsultDirectory, structure_keys: ListStructureKeys) -> None:
        self._directory = directory
        self._structure_keys = structure_keys

    async def LookupProfessional(  # noqa: N802 - the contract's name
        self,
        request: pb.LookupProfessionalRequest,
        context: grpc.aio.ServicerContext[pb.LookupProfessionalRequest, pb.LookupProfessionalResponse],
    ) -> pb.LookupProfessionalResponse:
        """Finds a professional by RPPS."""
        del context
        with mapping.refusing():
            rpps = parse_rpps(request.rpps)
        return pb.LookupProfessionalResponse(professional=mapping.professional_to(await self._directory.professional(rpps)))

    async def LookupStructure(  # noqa: N802
        self, request: pb.LookupStructureRequest, context: grpc.aio.ServicerContext[pb.LookupStructureRequest, pb.LookupStructureResponse]
    ) -> pb.LookupStructureResponse:
        """Finds a structure by FINESS."""
        del context
        with mapping.refusing():
            finess = parse_finess(request.finess)
        return pb.LookupStructureResponse(structure=mapping.structure_to(await self._directory.structure(finess)))

    async def BatchGetDisplayNames(  # noqa: N802
        self,
        request: pb.BatchGetDisplayNamesRequest,
        context: grpc.aio.ServicerContext[pb.BatchGetDisplayNamesRequest, pb.BatchGetDisplayNamesResponse],
    ) -> pb.BatchGetDisplayNamesResponse:
        """How people call many professionals and structures. A person has no public name: she is "you" to herself, and left out."""
        del context
        if len(request.names) > _MOST_NAMES:
            raise InvalidArgument("INVALID_FIELD", f"at most {_MOST_NAMES} names", field="names")
        ids: dict[str, list[str]] = {kind: [] for kind in _KINDS}
        for index, name in enumerate(request.names):
            kind = name.partition("/")[0]
            pattern = f"{kind}/*" if kind in _KINDS else "professionals/*"
            ids[kind if kind in _KINDS else "professionals"] += parse_name(name, pattern, f"names[{index}]")
        found = await self._directory.display_names(ids["professionals"], ids["structures"])
        display_name = pb.BatchGetDisplayNamesResponse.DisplayName
        return pb.BatchGetDisplayNamesResponse(
            display_names=[
                display_name(name=one.name, display_name=one.text, profession=one.profession, specialty=one.specialty) for one in found
            ]
        )

    async def ListStructureKeys(  # noqa: N802
        self,
        request: pb.ListStructureKeysRequest,
        context: grpc.aio.ServicerContext[pb.ListStructureKeysRequest, pb.ListStructureKeysResponse],
    ) -> pb.ListStructureKeysResponse:
        """The public keys that stand for a structure now."""
        del context
        (structure,) = parse_name(request.structure, "structures/*", "structure")
        return pb.ListStructureKeysResponse(jwks=await self._structure_keys(structure))
