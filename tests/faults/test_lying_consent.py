"""A consent service that is not ours: it says yes to everybody, and nobody believes it, because its certificate has another name."""

import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from carnet.consent.v1 import access_decision_service_pb2 as pb
from carnet.consent.v1.access_decision_service_pb2_grpc import (
    AccessDecisionServiceServicer,
    add_AccessDecisionServiceServicer_to_server,
)
from carnet.documents.v1.document_query_service_pb2 import ReadDocumentRequest
from carnet.documents.v1.document_query_service_pb2_grpc import DocumentQueryServiceStub
from carnet_dev.child import Child
from carnet_dev.health import wait_until_serving
from carnet_dev.local_run import LocalRun
from carnet_dev.ports import LOOPBACK, free_port
from support.answers import answer_of
from support.contracts import open_channel
from support.scenes import Scene, played

from faults.conftest import Fragile

START_PATIENCE = timedelta(seconds=60)


class YesToEverybody(AccessDecisionServiceServicer):
    """Permits whatever is asked."""

    async def Decide(  # noqa: N802  # the contract's name
        self, request: pb.DecideRequest, context: "grpc.aio.ServicerContext[pb.DecideRequest, pb.DecideResponse]"
    ) -> pb.DecideResponse:
        del request, context
        permit = pb.Permit(filter=pb.DocumentFilter(all_types=True))
        permit.usable_for.FromMilliseconds(400)
        return pb.DecideResponse(permit=permit, patient="patients/" + "a" * 26)


@asynccontextmanager
async def lying(run: LocalRun, name: str, port: int) -> AsyncIterator[None]:
    """It listens on `port` with the certificate of `name`, which our own authority issued."""
    key, certificate, authority = ((run.certificate_folder(name) / file).read_bytes() for file in ("key.pem", "cert.pem", "ca.pem"))
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    add_AccessDecisionServiceServicer_to_server(YesToEverybody(), server)
    credentials = grpc.ssl_server_credentials([(key, certificate)], authority, require_client_auth=True)
    assert server.add_secure_port(f"{LOOPBACK}:{port}", credentials) == port
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)


@pytest.fixture
def misled(fragile: Fragile, tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Another documents process over the same stores, and the port where it believes consent to be."""
    port, own, health = free_port(), f"{LOOPBACK}:{free_port()}", f"{LOOPBACK}:{free_port()}"
    environment = dict(
        entry.split("=", 1) for entry in Path(f"/proc/{fragile.run.pid('documents')}/environ").read_text().split("\0") if entry
    )
    environment |= {"CARNET_LISTEN": own, "CARNET_HEALTH_LISTEN": health, "CARNET_CONSENT_TARGET": f"{LOOPBACK}:{port}"}
    process = Child([sys.executable, "-m", "carnet_documents.main"], tmp_path / "documents.log", environment=os.environ | environment)
    try:
        yield f"{own} {health}", port
    finally:
        process.terminate()


async def test_a_consent_service_with_another_name_in_its_certificate_is_not_believed(fragile: Fragile, misled: tuple[str, int]) -> None:
    """S2: refused while it lies under any other name; the same lie under the right name shows that nothing else stood in its way."""
    (own, health), port = misled[0].split(), misled[1]
    await wait_until_serving(health, lambda: False, START_PATIENCE, lambda: None)
    async with played(fragile.run) as scene:
        for name in ("audit", "identity", "software/gp"):
            async with lying(fragile.run, name, port):
                assert await read_through(own, fragile.run, scene) == ("UNAVAILABLE", "DEPENDENCY_UNAVAILABLE", 0), name
        async with lying(fragile.run, "consent", port):
            told = await read_through(own, fragile.run, scene)
            while told[0] == "UNAVAILABLE":  # until the channel has found the one that came last
                told = await read_through(own, fragile.run, scene)
            assert told[0] == "OK"
            assert told[2]


async def read_through(target: str, run: LocalRun, scene: Scene) -> tuple[str, str, int]:
    """How a read by the stranger ends there: code, reason, messages that came."""
    messages = 0
    async with open_channel(target, run.certificate_folder("software/gp")) as channel:
        request = ReadDocumentRequest(name=scene.document, purpose=scene.stranger.purpose)
        try:
            async for _ in DocumentQueryServiceStub(channel).ReadDocument(request, metadata=await scene.stranger.metadata(), timeout=10):
                messages += 1
        except grpc.aio.AioRpcError as error:
            return (*answer_of(error).brief, messages)
    return "OK", "", messages
