"""`carnet.identity.v1.SigningKeyService`: the public keys that user tokens are verified with."""

from __future__ import annotations

import grpc
from carnet.identity.v1 import session_service_pb2 as pb
from carnet.identity.v1.session_service_pb2_grpc import SigningKeyServiceServicer

from carnet_identity.usecases.ports import TokenSigner


class SigningKeyServicer(SigningKeyServiceServicer):
    """Publishes the keys."""

    def __init__(self, signer: TokenSigner) -> None:
        self._signer = signer

    async def ListSigningKeys(  # noqa: N802 - the contract's name
        self, request: pb.ListSigningKeysRequest, context: grpc.aio.ServicerContext[pb.ListSigningKeysRequest, pb.ListSigningKeysResponse]
    ) -> pb.ListSigningKeysResponse:
        """The public keys in use, newest first."""
        del request, context
        return pb.ListSigningKeysResponse(jwks=self._signer.published())
