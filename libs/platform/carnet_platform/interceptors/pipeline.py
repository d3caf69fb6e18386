"""The one interceptor: every call passes its stages in this order, outermost first.

1. request id      a name for the call, in every line below
2. tracing         sampled or not, before any span is built
3. access log      one line and one measurement, whatever happened
4. error mapping   what was raised becomes one status with one reason
5. deadline floor  too little time left is refused at once; a margin is kept so that the caller hears the error
6. caller identity the certificate's one URI name
7. caller's right  the table of who may call what
8. user token      for whom
Then the handler; and last, in the outermost send, the permit: checked with no await before each hand-over to the transport, and the
clock looked at once more after it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import grpc
import structlog

from carnet_platform.calls import current
from carnet_platform.interceptors.inbound import Context, Inbound, Stage
from carnet_platform.interceptors.refusals import DETAILS_KEY, details_of, refusal_of
from carnet_platform.interceptors.request_id import METADATA_KEY
from carnet_platform.permits import Permit, release

logger = structlog.get_logger(__name__)
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Continuation: TypeAlias = Callable[[grpc.HandlerCallDetails], "Awaitable[grpc.RpcMethodHandler[Any, Any] | None]"]


class Pipeline(grpc.aio.ServerInterceptor):
    """Wraps each handler once and runs its calls through the stages."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = tuple(stages)
        self._wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        self._late: set[asyncio.Task[None]] = set()

    async def intercept_service(self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails) -> "Handler | None":
        """The wrapped handler of the method; an unknown method stays unknown."""
        method = handler_call_details.method
        wrapped = self._wrapped.get(method)
        if wrapped is None:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            wrapped = self._wrapped[method] = self._wrap(method, handler)
        return wrapped

    def _wrap(self, method: str, handler: "Handler") -> "Handler":
        codecs = (handler.request_deserializer, handler.response_serializer)
        if handler.request_streaming and handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(self._streaming(method, handler.stream_stream), *codecs)
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(self._streaming(method, handler.unary_stream), *codecs)
        if handler.request_streaming:
            return grpc.stream_unary_rpc_method_handler(self._unary(method, handler.stream_unary), *codecs)
        return grpc.unary_unary_rpc_method_handler(self._unary(method, handler.unary_unary), *codecs)

    def _unary(self, method: str, behaviour: Any) -> Any:  # noqa: ANN401  # gRPC types handlers loosely
        async def answer(request: Any, context: Context) -> Any:  # noqa: ANN401
            inbound = Inbound(method, context)
            entered = 0
            response = None
            try:
                for stage in self._stages:
                    await stage.enter(inbound)
                    entered += 1
                self._begin(inbound)
                async with asyncio.timeout(inbound.timeout):
                    response = await behaviour(request, context)
                    await inbound.release.ready()
            except asyncio.CancelledError:
                self._cancelled(inbound, entered)
                raise
            except Exception as error:  # noqa: BLE001  # every error is told, none escapes
                await self._refuse(inbound, entered, error)
            # From here to the hand-over nothing awaits; what follows the hand-over runs in the next step of the loop.
            asyncio.get_running_loop().call_soon(self._handed_over, inbound, entered)
            return response

        return answer

    def _streaming(self, method: str, behaviour: Any) -> Any:  # noqa: ANN401  # gRPC types handlers loosely
        async def answer(request: Any, context: Context) -> AsyncIterator[Any]:  # noqa: ANN401
            inbound = Inbound(method, context)
            entered = 0
            loop = asyncio.get_running_loop()
            try:
                for stage in self._stages:
                    await stage.enter(inbound)
                    entered += 1
                self._begin(inbound)
                async with asyncio.timeout(inbound.timeout):
                    async for message in behaviour(request, context):
                        await inbound.release.ready()
                        if inbound.release.permit is not None:
                            loop.call_soon(self._look_again, inbound.release.permit)
                        yield message
            except (asyncio.CancelledError, GeneratorExit):
                self._cancelled(inbound, entered)
                raise
            except Exception as error:  # noqa: BLE001  # every error is told, none escapes
                await self._refuse(inbound, entered, error)
            self._leave(inbound, entered)

        return answer

    def _begin(self, inbound: Inbound) -> None:
        current.set(inbound.call())
        release.set(inbound.release)

    def _handed_over(self, inbound: Inbound, entered: int) -> None:
        if inbound.release.permit is not None:
            self._look_again(inbound.release.permit)
        self._leave(inbound, entered)

    def _look_again(self, permit: Permit) -> None:
        if not permit.is_late():
            return
        logger.error("release.late")
        task = asyncio.ensure_future(_settled(permit.late()))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    def _cancelled(self, inbound: Inbound, entered: int) -> None:
        inbound.status = grpc.StatusCode.CANCELLED
        self._leave(inbound, entered)

    async def _refuse(self, inbound: Inbound, entered: int, error: Exception) -> None:
        refusal = refusal_of(error)
        inbound.status, inbound.reason = refusal.code, refusal.reason
        self._leave(inbound, entered)
        await inbound.context.abort(refusal.code, refusal.message, ((DETAILS_KEY, details_of(refusal)), (METADATA_KEY, inbound.request_id)))

    def _leave(self, inbound: Inbound, entered: int) -> None:
        for stage in reversed(self._stages[:entered]):
            stage.leave(inbound)


async def _settled(late: Awaitable[None]) -> None:
    try:
        await late
    except Exception as error:  # noqa: BLE001  # the alarm above has sounded; the event could not be kept
        logger.error("release.late.unrecorded", kind=type(error).__name__)  # noqa: TRY400
