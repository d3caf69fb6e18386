"""Destructions as a test drives them: the requests of a holder, participants that are real gRPC servers, the job run by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

import grpc
from carnet.common.v1 import record_erasure_service_pb2 as erasure_pb
from carnet.common.v1 import record_erasure_service_pb2_grpc as erasure_grpc
from carnet.consent.v1 import record_destruction_service_pb2 as pb
from carnet_consent.api.record_destruction import RecordDestructionServicer
from carnet_consent.clients.erasure import Eraser
from carnet_consent.usecases.destroy import Destroy
from carnet_platform.errors import FailedPrecondition
from carnet_platform.interceptors.refusals import DETAILS_KEY, details_of
from carnet_platform.peers import refusal_from
from component.consent.conftest import CONTEXT, HOLDER, Running, Someone, new_request
from component.consent.letter_writer import Identity, writing
from component.consent.life import pass_time

COOLING_OFF = timedelta(days=7)
STRONG = replace(HOLDER, claims={"acr": "eidas2"})
"""The holder, logged in with two factors."""
PATIENCE = timedelta(milliseconds=200)


class Participant(erasure_grpc.RecordErasureServiceServicer):
    """Erases at once, or does as it is told; a repeated request gets the same receipt."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.asked: list[str] = []
        self.receipts: dict[str, erasure_pb.EraseRecordResponse] = {}
        self.does = "erase"
        self._now = now

    async def EraseRecord(  # noqa: N802
        self,
        request: erasure_pb.EraseRecordRequest,
        context: Any,  # noqa: ANN401
    ) -> erasure_pb.EraseRecordResponse:
        """The receipt, or whatever else a participant can come up with."""
        self.asked.append(request.request_id)
        if self.does == "hang":
            await asyncio.Event().wait()
        if self.does == "vanish":
            await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
        if self.does == "refuse":
            refusal = FailedPrecondition("STATE_FORBIDS", "not now")
            await context.abort(refusal.code, refusal.message, ((DETAILS_KEY, details_of(refusal)),))
        if self.does == "go on":
            state = erasure_pb.ERASURE_STATE_IN_PROGRESS
            return erasure_pb.EraseRecordResponse(record=request.record, destruction=request.destruction, state=state)
        receipt = erasure_pb.EraseRecordResponse(
            record=request.record,
            destruction=request.destruction,
            state=erasure_pb.ERASURE_STATE_DONE,
            receipt=f"receipt-{len(self.receipts) + 1}",
            erased=["RECORD_KEY"],
        )
        receipt.erase_time.FromDatetime(self._now())
        if self.does == "lie":
            receipt.record = "records/another"
        if self.does == "lie about the destruction":
            receipt.destruction = "destructions/another"
        if self.does == "give nothing":
            receipt.receipt = ""
        if self.does == "give an old one":
            receipt.erase_time.FromDatetime(self._now() - timedelta(days=1))
        return self.receipts.setdefault(request.request_id, receipt) if self.does == "erase" else receipt


class _Stub:
    """What a peer gives: refusals in place of gRPC's errors."""

    def __init__(self, stub: Any) -> None:  # noqa: ANN401
        self._stub = stub

    async def EraseRecord(self, request: erasure_pb.EraseRecordRequest) -> Any:  # noqa: ANN401, N802
        try:
            return await self._stub.EraseRecord(request)
        except grpc.aio.AioRpcError as error:
            raise refusal_from(error) from None


@dataclass
class Destroying:
    """Consent with an identity that writes letters, and its participants."""

    running: Running
    identity: Identity
    servicer: RecordDestructionServicer
    job: Destroy
    documents: Participant
    audit: Participant
    participants: dict[str, Eraser] = field(default_factory=dict)

    async def request(self, record: str, who: Someone = STRONG, request_id: str = "") -> str:
        """Ask for a destruction; gives the code that was sent."""
        request = pb.RequestDestructionRequest(request_id=request_id or new_request(), record=record)
        with who.calling("/carnet.consent.v1.RecordDestructionService/RequestDestruction"):
            await self.servicer.RequestDestruction(request, CONTEXT)
        return self.identity.codes[request.request_id].code

    async def confirm(self, record: str, code: str, who: Someone = STRONG, request_id: str = "") -> pb.ConfirmDestructionResponse:
        """Give a code back."""
        request = pb.ConfirmDestructionRequest(request_id=request_id or new_request(), record=record, code=code)
        with who.calling("/carnet.consent.v1.RecordDestructionService/ConfirmDestruction"):
            return await self.servicer.ConfirmDestruction(request, CONTEXT)

    async def confirmed(self, record: str) -> pb.Destruction:
        """Ask, and give the code back."""
        return (await self.confirm(record, await self.request(record))).destruction

    async def cancel(self, record: str, who: Someone = HOLDER, etag: str = "") -> None:
        """Take it back."""
        request = pb.CancelDestructionRequest(request_id=new_request(), record=record, etag=etag)
        with who.calling("/carnet.consent.v1.RecordDestructionService/CancelDestruction"):
            await self.servicer.CancelDestruction(request, CONTEXT)

    async def get(self, record: str, who: Someone = HOLDER) -> pb.Destruction:
        """How it stands."""
        with who.calling():
            return (await self.servicer.GetDestruction(pb.GetDestructionRequest(record=record), CONTEXT)).destruction

    async def state(self, record: str) -> str:
        """Where it stands, in one word."""
        return pb.DestructionState.Name((await self.get(record)).state).removeprefix("DESTRUCTION_STATE_")

    async def begun(self, record: str) -> None:
        """Confirmed, and begun after the cooling-off; no permit from before can be used any more."""
        await self.confirmed(record)
        assert await pass_time(self.running, COOLING_OFF) == 1
        self.running.clock.moved += timedelta(seconds=1)

    async def destroyed(self, record: str) -> pb.Destruction:
        """Destroyed and certified."""
        await self.begun(record)
        await self.job.once()
        return await self.get(record)


@asynccontextmanager
async def destroying(running: Running) -> AsyncIterator[Destroying]:
    """Two participants on the wire, and an identity."""
    async with AsyncExitStack() as stack:
        taking_part = {name: await stack.enter_async_context(_participant(name, running)) for name in ("documents", "audit")}
        identity, letters = await stack.enter_async_context(writing())
        erasers = {name: eraser for name, (_, eraser) in taking_part.items()}
        parts = running.consent.destructions
        servicer = cast("RecordDestructionServicer", parts.served(letters).servicer)
        yield Destroying(
            running, identity, servicer, parts.going_on(erasers), taking_part["documents"][0], taking_part["audit"][0], erasers
        )


@asynccontextmanager
async def _participant(name: str, running: Running) -> AsyncIterator[tuple[Participant, Eraser]]:
    one, server = Participant(running.clock.now), grpc.aio.server()
    erasure_grpc.add_RecordErasureServiceServicer_to_server(one, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = _Stub(erasure_grpc.RecordErasureServiceStub(channel))
        peer: Any = lambda: stub  # noqa: E731  # a peer gives its stub
        yield one, Eraser(name, peer, PATIENCE)
    await server.stop(0)
