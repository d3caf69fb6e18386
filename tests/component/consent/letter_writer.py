"""Identity as consent sees it when it wants a letter written: a real gRPC server that notes what it is asked, or answers as it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import grpc
from carnet.identity.v1 import notice_delivery_service_pb2 as pb
from carnet.identity.v1 import notice_delivery_service_pb2_grpc as pb_grpc
from carnet_consent.clients.notice_delivery import LetterWriter
from carnet_platform.errors import InvalidArgument
from carnet_platform.interceptors.refusals import DETAILS_KEY, details_of
from carnet_platform.peers import refusal_from

PATIENCE = timedelta(milliseconds=200)


class Identity(pb_grpc.NoticeDeliveryServiceServicer):
    """Notes requests; a repeated one is one letter, as in identity."""

    def __init__(self) -> None:
        self.requests: list[pb.DeliverNoticeRequest] = []
        self.letters: dict[str, pb.DeliverNoticeRequest] = {}
        self.codes: dict[str, pb.DeliverCodeRequest] = {}
        self.outcome = pb.NOTICE_OUTCOME_QUEUED
        self.hangs = self.refuses = self.is_gone = False

    async def DeliverNotice(self, request: pb.DeliverNoticeRequest, context: Any) -> pb.DeliverNoticeResponse:  # noqa: ANN401, N802
        """The answer."""
        self.requests.append(request)
        if self.is_gone:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
        if self.refuses:
            refusal = InvalidArgument("INVALID_FIELD", "required", field="letter")
            await context.abort(refusal.code, refusal.message, ((DETAILS_KEY, details_of(refusal)),))
        if self.hangs:
            await asyncio.Event().wait()
        self.letters[request.request_id] = request
        return pb.DeliverNoticeResponse(outcome=self.outcome)

    async def DeliverCode(self, request: pb.DeliverCodeRequest, context: Any) -> pb.DeliverCodeResponse:  # noqa: ANN401, N802
        """The answer."""
        if self.is_gone:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
        if self.hangs:
            await asyncio.Event().wait()
        self.codes[request.request_id] = request
        return pb.DeliverCodeResponse(outcome=self.outcome)


class _Stub:
    """What a peer gives: refusals in place of gRPC's errors."""

    def __init__(self, stub: Any) -> None:  # noqa: ANN401
        self._stub = stub

    async def DeliverNotice(self, request: pb.DeliverNoticeRequest) -> Any:  # noqa: ANN401, N802
        return await self._refusing(self._stub.DeliverNotice(request))

    async def DeliverCode(self, request: pb.DeliverCodeRequest) -> Any:  # noqa: ANN401, N802
        return await self._refusing(self._stub.DeliverCode(request))

    @staticmethod
    async def _refusing(answering: Any) -> Any:  # noqa: ANN401
        try:
            return await answering
        except grpc.aio.AioRpcError as error:
            raise refusal_from(error) from None


@asynccontextmanager
async def writing() -> AsyncIterator[tuple[Identity, LetterWriter]]:
    """An identity, and consent's client of it."""
    identity, server = Identity(), grpc.aio.server()
    pb_grpc.add_NoticeDeliveryServiceServicer_to_server(identity, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = _Stub(pb_grpc.NoticeDeliveryServiceStub(channel))
        peer: Any = lambda: stub  # noqa: E731  # a peer gives its stub
        yield identity, LetterWriter(peer, PATIENCE)
    await server.stop(0)
