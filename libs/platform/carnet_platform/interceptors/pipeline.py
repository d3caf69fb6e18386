"""The one interceptor: every call passes its stages in this order, outermost first.

1. request id      a name for the call, in every line below
2. tracing         sampled or not, before any span is built
3. access log      one line and one measurement, whatever happened
4. error mapping   what was raised becomes one status with one reason
5. deadline floor  too little time left is refused at once; a margin is kept so that the caller hears the error
6. caller identity the certificate's one URI name
7. caller's right  the table of who may call what
8. user token      for whom
9. always traced   an emergency is traced, whatever 2 decided
A call refused by 6, 7 or 8 is told to a hook: there is nobody yet in whose name a handler could record it.
Then the handler; and last, in the outermost send, the permit: checked with no await before each hand-over to the transport, and the
clock looked at once more after it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeAlias

import grpc
import structlog

from carnet_platform.calls import RefusedCall, current
from carnet_platform.errors import DeadlineTooShort, Denied, Refusal, Unauthenticated
from carnet_platform.interceptors.inbound import Context, Inbound, Stage
from carnet_platform.interceptors.refusals import DETAILS_KEY, details_of, refusal_of
from carnet_platform.interceptors.request_id import METADATA_KEY
from carnet_platform.permits import Permit, release

logger = structlog.get_logger(__name__)
_END = object()
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Continuation: TypeAlias = Callable[[grpc.HandlerCallDetails], "Awaitable[grpc.RpcMethodHandler[Any, Any] | None]"]
RefusedCallHook: TypeAlias = Callable[[RefusedCall], None]


class Pipeline(grpc.aio.ServerInterceptor):
    """Wraps each handler once and runs its calls through the stages."""

    def __init__(self, stages: Sequence[Stage], on_refused_call: RefusedCallHook | None = None) -> None:
        """Run calls through ``stages``; ``on_refused_call`` hears of those refused before their user is known."""
        self._stages = tuple(stages)
        self._on_refused_call = on_refused_call
        self._wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        self._jobs: set[asyncio.Task[None]] = set()

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
            response = None
            try:
                async with asyncio.timeout(None) as limit:
                    await self._enter(inbound, limit)
                    response = await behaviour(request, context)
                    await inbound.release.ready()
            except asyncio.CancelledError:
                self._cancelled(inbound)
                raise
            except Exception as error:  # noqa: BLE001  # every error is told, none escapes
                await self._refuse(inbound, error)
            # From here to the hand-over nothing awaits; what follows the hand-over runs in the next step of the loop.
            asyncio.get_running_loop().call_soon(self._handed_over, inbound)
            return response

        return answer

    def _streaming(self, method: str, behaviour: Any) -> Any:  # noqa: ANN401  # gRPC types handlers loosely
        async def answer(request: Any, context: Context) -> AsyncIterator[Any]:  # noqa: ANN401
            inbound = Inbound(method, context)
            loop = asyncio.get_running_loop()
            overdue: asyncio.TimerHandle | None = None
            try:
                async with asyncio.timeout(None) as limit:
                    await self._enter(inbound, limit)
                ends = loop.time() + (inbound.timeout or 0.0)
                overdue = loop.call_at(ends, self._end_paused, inbound, asyncio.current_task())
                messages = behaviour(request, context).__aiter__()
                while True:
                    async with asyncio.timeout_at(ends):
                        message = await anext(messages, _END)
                        if message is _END:
                            break
                        await inbound.release.ready()
                    if inbound.release.permit is not None:
                        loop.call_soon(self._look_again, inbound.release.permit)
                    inbound.is_handing_over = True
                    yield message
                    inbound.is_handing_over = False
            except (asyncio.CancelledError, GeneratorExit):
                self._cancelled(inbound)
                raise
            except Exception as error:  # noqa: BLE001  # every error is told, none escapes
                await self._refuse(inbound, error)
            finally:
                if overdue is not None:
                    overdue.cancel()
            self._leave(inbound)

        return answer

    async def _enter(self, inbound: Inbound, limit: asyncio.Timeout) -> None:
        """Pass the stages; from the deadline stage on, what is left of the call's time bounds them and the handler."""
        for stage in self._stages:
            try:
                await stage.enter(inbound)
            except (Unauthenticated, Denied) as refusal:
                self._tell(inbound, refusal.reason)
                raise
            inbound.entered += 1
            if inbound.timeout is not None and limit.when() is None:
                limit.reschedule(asyncio.get_running_loop().time() + inbound.timeout)
        current.set(inbound.call())
        release.set(inbound.release)

    def _tell(self, inbound: Inbound, reason: str) -> None:
        if self._on_refused_call is None:
            return
        caller = inbound.caller.name if inbound.caller else ""
        try:
            self._on_refused_call(RefusedCall(inbound.method, caller, reason, inbound.request_id, inbound.trace_id))
        except Exception as error:  # noqa: BLE001  # the caller hears the refusal whatever becomes of the hook
            logger.error("refused_call.hook_failed", kind=type(error).__name__)  # noqa: TRY400

    def _end_paused(self, inbound: Inbound, task: "asyncio.Task[Any] | None") -> None:
        """End a call whose reader paused past the deadline: the handler waits in gRPC's send, where no error of ours is heard."""
        if inbound.is_handing_over and task is not None:
            self._start(self._abort_paused(inbound, task))

    async def _abort_paused(self, inbound: Inbound, task: "asyncio.Task[Any]") -> None:
        refusal = DeadlineTooShort("DEADLINE_TOO_SHORT", "the reader did not take the answer in the time the call had")
        with contextlib.suppress(Exception):  # abort always raises, and the call may have ended meanwhile
            await self._abort(inbound, refusal)
        task.cancel()

    def _start(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(job)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)

    def _handed_over(self, inbound: Inbound) -> None:
        if inbound.release.permit is not None:
            self._look_again(inbound.release.permit)
        self._leave(inbound)

    def _look_again(self, permit: Permit) -> None:
        if permit.is_late():
            logger.error("release.late")
            self._start(_settled(permit.late()))

    def _cancelled(self, inbound: Inbound) -> None:
        inbound.status = grpc.StatusCode.CANCELLED
        self._leave(inbound)

    async def _refuse(self, inbound: Inbound, error: Exception) -> None:
        refusal = refusal_of(error)
        inbound.status, inbound.reason = refusal.code, refusal.reason
        self._leave(inbound)
        await self._abort(inbound, refusal)

    async def _abort(self, inbound: Inbound, refusal: Refusal) -> None:
        trailing = ((DETAILS_KEY, details_of(refusal)), (METADATA_KEY, inbound.request_id))
        await inbound.context.abort(refusal.code, refusal.message, trailing)

    def _leave(self, inbound: Inbound) -> None:
        for stage in reversed(self._stages[: inbound.entered]):
            stage.leave(inbound)
        inbound.entered = 0


async def _settled(late: Awaitable[None]) -> None:
    try:
        await late
    except Exception as error:  # noqa: BLE001  # the alarm above has sounded; the event could not be kept
        logger.error("release.late.unrecorded", kind=type(error).__name__)  # noqa: TRY400
