"""The server builder: everything between a port and a handler, in one place.

Two servers: the gRPC services behind mutual TLS, and the health service alone on a plaintext port of its own, because a plaintext
port on the first would serve everything. Server construction is this one factory, so that another gRPC implementation could be tried
in a day (performance.md).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

from carnet_platform.certificates import CertificateFolder
from carnet_platform.interceptors.pipeline import Pipeline
from carnet_platform.settings import PlatformSettings

LIVENESS, READINESS = "liveness", "readiness"
HealthCheck = Callable[[], Awaitable[bool]]
_STATUS = health_pb2.HealthCheckResponse


@dataclass(frozen=True, slots=True)
class Served:
    """A gRPC service: its full name, the generated function that adds it, and what answers."""

    name: str
    add: Callable[[Any, Any], None]
    servicer: object


class Health:
    """Liveness says that the process runs; readiness and the empty name say that it can do its work now."""

    def __init__(self) -> None:
        self._servicer = health_aio.HealthServicer()
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, self._server)
        self._is_ready: bool | None = None

    async def start(self, address: str) -> None:
        """Open the port: alive, not ready yet. Raises ``RuntimeError`` when the port is taken."""
        self._server.add_insecure_port(address)
        await self._servicer.set(LIVENESS, _STATUS.SERVING)
        await self.set_ready(is_ready=False)
        await self._server.start()

    async def set_ready(self, *, is_ready: bool) -> bool:
        """Tell whether the work can be done; true when that is news."""
        if is_ready == self._is_ready:
            return False
        self._is_ready = is_ready
        status = _STATUS.SERVING if is_ready else _STATUS.NOT_SERVING
        await self._servicer.set(READINESS, status)
        await self._servicer.set("", status)
        return True

    async def stop(self) -> None:
        """Close the port."""
        await self._server.stop(0.1)


class _Unregistered:
    """What generated functions add services to, leaving out the registration of each method.

    gRPC's asyncio server waits anew for every registered method at each call it takes: with twenty methods a tenth of a short call.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self.add_generic_rpc_handlers = server.add_generic_rpc_handlers

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, object]) -> None:
        """Nothing: the generic handlers serve the same methods."""


def build(settings: PlatformSettings, certificates: CertificateFolder, pipeline: Pipeline, services: Sequence[Served]) -> grpc.aio.Server:
    """A server of ``services`` on the port of the settings, not started. Raises ``RuntimeError`` when the port is taken."""
    server = grpc.aio.server(
        interceptors=[pipeline],
        maximum_concurrent_rpcs=settings.max_concurrent_calls,
        options=[
            # On by default: a second server on the same port would start without an error and take half the connections.
            ("grpc.so_reuseport", 1 if settings.workers > 1 else 0),
            ("grpc.max_connection_age_ms", int(settings.max_connection_age.total_seconds() * 1000)),
            ("grpc.max_connection_age_grace_ms", int(settings.default_deadline.total_seconds() * 1000)),
            # A fixed small window: what a slow reader was handed before a withdrawal stays within a few messages.
            ("grpc.http2.bdp_probe", 0),
            ("grpc.http2.lookahead_bytes", 65_536),
            ("grpc.max_receive_message_length", 4 << 20),
            ("grpc.max_metadata_size", 16_384),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ],
    )
    for service in services:
        service.add(service.servicer, _Unregistered(server))
    server.add_secure_port(settings.listen, certificates.server_credentials())
    return server
