"""Fixture `documents`: the service on real stores; `documents.client(...)` calls it as somebody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from carnet.audit.v1.audit_service_pb2_grpc import add_AuditServiceServicer_to_server
from carnet.consent.v1.access_decision_service_pb2_grpc import add_AccessDecisionServiceServicer_to_server
from carnet.consent.v1.document_notice_service_pb2_grpc import add_DocumentNoticeServiceServicer_to_server
from carnet.identity.v1.patient_reference_service_pb2_grpc import add_PatientReferenceServiceServicer_to_server
from carnet.identity.v1.session_service_pb2_grpc import add_SigningKeyServiceServicer_to_server
from carnet_dev.certificates import Authority
from carnet_dev.key_files import master_key_folder
from carnet_dev.ports import free_port
from carnet_documents.main import serve as serve_documents
from carnet_documents.settings import DocumentsSettings
from carnet_platform.mongo import close, open_client
from carnet_platform.platform import Platform
from component.documents.harness import Client, Neighbours
from component.documents.neighbours import serve
from support.stores_fixtures import TestStores


class Documents:
    """The running service, its neighbours, its database."""

    def __init__(
        self, target: str, certificates: Authority, neighbours: Neighbours, stores: TestStores, databases: tuple[str, str]
    ) -> None:
        self._target = target
        self._certificates = certificates
        self.consent = neighbours.consent
        self.identity = neighbours.identity
        self.audit = neighbours.audit
        self.notices = neighbours.notices
        self.stores = stores
        self.databases = databases
        self._clients: list[Client] = []

    def client(self, software: str = "software/gp", **claims: Any) -> Client:  # noqa: ANN401  # claims of a token
        """A client with a user of these claims; Dr Ines of the cabinet when nothing is said."""
        client = Client(self._target, self._certificates.folder(software), self.identity, **claims)
        self._clients.append(client)
        return client

    def clara(self) -> Client:
        """The holder, at the portal."""
        return self.client("portal", sub="patients/clara", role="PATIENT", org="")

    async def store(self) -> Any:  # noqa: ANN401  # a database of either driver
        """The database, to look into."""
        client = open_client(self.stores.mongo_url(self.databases[0]), "pymongo")
        self._opened = client
        return client.get_default_database()

    async def close(self) -> None:
        """Close every client."""
        for client in self._clients:
            await client.channel.close()
        if hasattr(self, "_opened"):
            await close(self._opened)


@pytest.fixture
async def documents(
    request: pytest.FixtureRequest,
    stores: TestStores,
    database_name: str,
    certificates: Authority,
    tmp_path: Path,
) -> AsyncIterator[Documents]:
    """The service; parametrise with the driver."""
    neighbours, keys_name = Neighbours(), f"{database_name}_keys"
    servers = [
        await serve(
            certificates.folder("consent"),
            (add_AccessDecisionServiceServicer_to_server, neighbours.consent),
            (add_DocumentNoticeServiceServicer_to_server, neighbours.notices),
        ),
        await serve(
            certificates.folder("identity"),
            (add_PatientReferenceServiceServicer_to_server, neighbours.identity),
            (add_SigningKeyServiceServicer_to_server, neighbours.identity),
        ),
        await serve(certificates.folder("audit"), (add_AuditServiceServicer_to_server, neighbours.audit)),
    ]
    for name in (database_name, keys_name):
        (tmp_path / name).write_text(stores.mongo_url(name))
    port = free_port()
    settings = DocumentsSettings(
        environment="test",
        listen=f"127.0.0.1:{port}",
        health_listen=f"127.0.0.1:{free_port()}",
        certificate_folder=certificates.folder("documents"),
        mongo_url_file=tmp_path / database_name,
        keys_mongo_url_file=tmp_path / keys_name,
        mongo_driver=getattr(request, "param", "motor"),
        mongo_pool_size=8,
        master_key_folder=master_key_folder(tmp_path / "keys", date(2026, 1, 1)),
        consent_target=servers[0][1],
        identity_target=servers[1][1],
        audit_target=servers[2][1],
        stop_grace=timedelta(seconds=0.2),
        upload_grace=timedelta(seconds=1),
        additions_gathered_for=timedelta(0),
        additions_every=timedelta(seconds=0.1),
        log_level="error",
    )
    async with Platform("documents", settings) as platform:
        running = asyncio.create_task(serve_documents(platform))
        service = Documents(f"127.0.0.1:{port}", certificates, neighbours, stores, (database_name, keys_name))
        client = service.client()
        await asyncio.wait([running, asyncio.ensure_future(client.channel.channel_ready())], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        with suppress(grpc.aio.AioRpcError):
            # The first token of a process has its signing keys fetched; calls beside it would be refused meanwhile.
            await client.get("")
        yield service
        await service.close()
        platform._stop.set()
        await running
    for server, _ in servers:
        await server.stop(None)
    stores.drop(keys_name)
