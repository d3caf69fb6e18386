"""Calls to other services: one kept channel with mutual TLS per peer, for the life of the process.

Each call carries the request id, the trace and the deadline of the call in hand, and its user's token where the table of callers
lets this service forward it. A channel
is replaced when this process's certificate is renewed; calls in flight end on the old one. UNAVAILABLE is retried a few times within
the deadline, because every call of Carnet is idempotent. A refusal of the peer comes back as the same ``Refusal``.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Generic, TypeVar, cast

import grpc
from google.rpc import error_details_pb2, status_pb2

from carnet_platform.calls import current
from carnet_platform.certificates import CertificateEnd, CertificateFolder
from carnet_platform.clock import Clock
from carnet_platform.errors import (
    Aborted,
    AlreadyExists,
    DeadlineTooShort,
    Denied,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Refusal,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)
from carnet_platform.interceptors.refusals import DETAILS_KEY, DOMAIN
from carnet_platform.telemetry.registry import PEER_CALL
from carnet_platform.telemetry.steps import Step, present

StubT = TypeVar("StubT")
RETRY = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.05s",
                "maxBackoff": "0.5s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}
CLOSE_GRACE_SECONDS = 30.0
_KINDS: dict[grpc.StatusCode, type[Refusal]] = {
    kind.code: kind
    for kind in (
        Aborted, AlreadyExists, DeadlineTooShort, Denied, FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted,
        Unauthenticated, Unavailable,
    )
}  # fmt: skip


def channel_options(server_name: str) -> list[tuple[str, Any]]:
    """Options of every channel of ours. The small look-ahead keeps what a paused reader has been handed to a few messages."""
    return [
        ("grpc.ssl_target_name_override", server_name),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.service_config", json.dumps(RETRY)),
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", 65_536),
        ("grpc.keepalive_time_ms", 60_000),
        # A service that comes back is found within two seconds, not within the two minutes that are the default after a long absence.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        # A name is asked for again after a second, not after the default of thirty: pods are replaced within less than that, and a
        # channel that knows only the addresses of those that are gone would fail every call until it asks.
        ("grpc.dns_min_time_between_resolutions_ms", 1_000),
        ("grpc.max_receive_message_length", 4 << 20),
    ]


def refusal_from(error: grpc.aio.AioRpcError) -> Refusal:
    """The refusal that a peer's status carries; without one of ours, the peer is not answering."""
    details = error.trailing_metadata().get(DETAILS_KEY)
    if details is None or isinstance(details, str):
        return Unavailable("DEPENDENCY_UNAVAILABLE", "another service does not answer", retry_after=timedelta(seconds=1))
    status = status_pb2.Status.FromString(details)
    info, violation = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    for detail in status.details:
        for target in (info, violation, retry):
            if detail.Is(target.DESCRIPTOR):
                detail.Unpack(target)
    kind = _KINDS.get(error.code(), Unavailable)
    if info.domain != DOMAIN or info.reason in {"CALLER_NOT_ALLOWED", "CALLER_UNKNOWN"}:
        return Unavailable("DEPENDENCY_UNAVAILABLE", "another service does not answer", retry_after=timedelta(seconds=1))
    field = violation.field_violations[0].field if violation.field_violations else ""
    wait = retry.retry_delay.ToTimedelta() if retry.HasField("retry_delay") else None
    return kind(info.reason, status.message, field=field, metadata=dict(info.metadata), retry_after=wait)


class Peer(Generic[StubT]):
    """Another service, called through ``peer()``, which gives its typed stub."""

    def __init__(
        self,
        target: str,
        stub: Callable[[grpc.aio.Channel], StubT],
        server_name: str,
        certificates: CertificateFolder,
        clock: Clock,
        may_forward: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._target = target
        self.server_name = server_name
        self._certificates = certificates
        self._identity = certificates.identity
        self.clock = clock
        self.may_forward = may_forward
        self.channel = self._open()
        self._stub = stub(cast("grpc.aio.Channel", _CarryingChannel(cast("Peer[object]", self))))

    def _open(self) -> grpc.aio.Channel:
        return grpc.aio.secure_channel(self._target, self._certificates.channel_credentials(), channel_options(self.server_name))

    def __call__(self) -> StubT:
        """The typed stub."""
        return self._stub

    async def follow_renewal(self) -> None:
        """Move to a new channel when the certificate folder has a newer identity."""
        if self._certificates.identity is self._identity:
            return
        old, self.channel, self._identity = self.channel, self._open(), self._certificates.identity
        await old.close(CLOSE_GRACE_SECONDS)

    async def close(self) -> None:
        """Close the channel at once."""
        await self.channel.close(None)


class _CarryingChannel:
    """What a generated stub takes for a channel: its calls carry the call in hand and follow the peer's present channel."""

    def __init__(self, peer: Peer[object]) -> None:
        self._peer = peer

    def _method(self, kind: str, path: str, serialize: Any, deserialize: Any) -> "_Method":  # noqa: ANN401  # as gRPC types them
        return _Method(self._peer, kind, path, (serialize, deserialize))

    def unary_unary(self, path: str, request_serializer: Any, response_deserializer: Any, **_: Any) -> "_Method":  # noqa: ANN401
        return self._method("unary_unary", path, request_serializer, response_deserializer)

    def unary_stream(self, path: str, request_serializer: Any, response_deserializer: Any, **_: Any) -> "_Method":  # noqa: ANN401
        return self._method("unary_stream", path, request_serializer, response_deserializer)

    def stream_unary(self, path: str, request_serializer: Any, response_deserializer: Any, **_: Any) -> "_Method":  # noqa: ANN401
        return self._method("stream_unary", path, request_serializer, response_deserializer)

    def stream_stream(self, path: str, request_serializer: Any, response_deserializer: Any, **_: Any) -> "_Method":  # noqa: ANN401
        return self._method("stream_stream", path, request_serializer, response_deserializer)


class _Method:
    """One method of a peer."""

    def __init__(self, peer: Peer[object], kind: str, path: str, codecs: tuple[Any, Any]) -> None:
        self._peer = peer
        self._kind = kind
        self._path = path
        self._service = path.split("/")[1]
        self._forwards: bool | None = None
        self._codecs = codecs
        self._channel: grpc.aio.Channel | None = None
        self._call: Any = None

    def __call__(self, request: Any, *, timeout: float | None = None) -> "_Outbound":  # noqa: ANN401  # gRPC's own parameter
        if self._channel is not self._peer.channel:
            self._channel = self._peer.channel
            self._call = getattr(self._channel, self._kind)(self._path, *self._codecs)
        parent = present()
        step = None if parent is None else self._begin(parent)
        metadata, remaining = self._carried(step)
        if timeout is None or (remaining is not None and remaining < timeout):
            timeout = remaining
        return _Outbound(self._call(request, timeout=timeout, metadata=metadata), step)

    def _begin(self, parent: Step) -> Step:
        method = self._path[1:]
        attributes = {"rpc.system.name": "grpc", "rpc.method": method, "server.address": self._peer.server_name}
        return parent.begin(PEER_CALL, method, attributes)

    def _may_forward(self) -> bool:
        if self._forwards is None:
            self._forwards = self._peer.may_forward(self._service)
        return self._forwards

    def _carried(self, step: Step | None) -> tuple[list[tuple[str, str]], float | None]:
        call = current.get(None)
        if call is None:
            return ([] if step is None else [("traceparent", step.traceparent)]), None
        metadata = [("x-request-id", call.request_id), ("traceparent", call.traceparent if step is None else step.traceparent)]
        if call.user is not None and self._may_forward():
            metadata.append(("authorization", "Bearer " + call.user.token))
        return metadata, None if call.deadline is None else max(call.deadline - self._peer.clock.boottime(), 0.001)


class _Outbound:
    """One call on its way; awaiting or iterating it raises the peer's refusal as ours, and ends its span."""

    def __init__(self, call: Any, step: Step | None) -> None:  # noqa: ANN401
        self._call = call
        self._step = step

    def __await__(self) -> Generator[Any, None, Any]:
        return self._answer().__await__()

    async def _answer(self) -> Any:  # noqa: ANN401
        with self._told():
            return await self._call

    async def __aiter__(self) -> AsyncIterator[Any]:
        with self._told():
            async for message in self._call:
                yield message

    @contextmanager
    def _told(self) -> Iterator[None]:
        status = grpc.StatusCode.CANCELLED  # what it is when neither an answer nor an error comes
        try:
            yield
            status = grpc.StatusCode.OK
        except grpc.aio.AioRpcError as error:
            status = error.code()
            raise refusal_from(error) from None
        finally:
            if self._step is not None:
                self._step.span.set_attribute("rpc.response.status_code", status.name)
                self._step.end("" if status is grpc.StatusCode.OK else status.name)


async def follow_renewals(certificates: CertificateFolder, end: CertificateEnd, peers: list[Peer[Any]], every: timedelta) -> None:
    """Look for renewed files for ever, have each peer follow, and have it told when the end is near."""
    while True:
        end.look()
        await asyncio.sleep(every.total_seconds())
        certificates.renewed()
        for peer in peers:
            await peer.follow_renewal()
