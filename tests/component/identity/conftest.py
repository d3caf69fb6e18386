"""A real identity process on real stores, with an identity provider and neighbours of the test's own.

Consent and audit are replaced at the gRPC boundary; everything else is what runs in production.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from carnet.identity.v1 import patient_pb2
from carnet.identity.v1 import patient_registry_service_pb2_grpc as registry_grpc
from carnet_dev.certificates import Authority
from carnet_dev.key_files import master_key_folder, signing_key_file, structure_key_folder
from carnet_dev.people import DIRECTORY_FILE
from carnet_dev.ports import free_port
from carnet_dev.private_files import write_private
from carnet_dev.redis_server import RedisServer
from component.identity.desk import Desk, desk_of
from component.identity.family import Family
from component.identity.neighbours import Neighbours
from component.identity.provider import Provider
from component.identity.running import Running, started
from component.identity.software import Software, new_number, registration
from support.mail_server import SERVER, MailServer
from support.stores_fixtures import TestStores

Start = Callable[..., AbstractContextManager[Running]]
"""Starts an identity on a database of a name, with settings of one's own."""


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """An identity provider that identity trusts."""
    with Provider() as running:
        yield running


@pytest.fixture(scope="session")
def neighbours(certificates: Authority) -> Iterator[Neighbours]:
    """Consent and audit."""
    with Neighbours(certificates.folder("consent"), certificates.folder("audit")) as running:
        yield running


@pytest.fixture(scope="session")
def settings_on(
    stores: TestStores, certificates: Authority, provider: Provider, neighbours: Neighbours, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], dict[str, str]]:
    """The settings of an identity on a database of a name."""

    def settings(database: str) -> dict[str, str]:
        folder = tmp_path_factory.mktemp("identity", numbered=True)
        return {
            "environment": "test",
            "listen": f"127.0.0.1:{free_port()}",
            "health_listen": f"127.0.0.1:{free_port()}",
            "certificate_folder": str(certificates.folder("identity")),
            "master_key_folder": str(master_key_folder(tmp_path_factory.getbasetemp() / "identity-keys", datetime.now(UTC).date())),
            "mongo_url_file": _written(folder / "mongo", stores.mongo_url(database)),
            "redis_url_file": _written(folder / "redis", stores.redis_url),
            "token_key_folder": str(signing_key_file(folder / "signing" / "2026-01-01.pem").parent),
            "directory_file": str(DIRECTORY_FILE),
            "structure_key_folder": str(structure_key_folder(folder / "structures", folder / "registered", ["990000044"])),
            "professional_issuers": f'["{provider.issuer}"]',
            "patient_issuers": f'["{provider.issuer}"]',
            "operator_issuers": f'["{provider.issuer}"]',
            "consent_target": neighbours.consent_target,
            "audit_target": neighbours.audit_target,
        }

    return settings


@pytest.fixture(scope="session")
def start(settings_on: Callable[[str], dict[str, str]], certificates: Authority, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Starts identities."""

    def start_one(database: str, **settings: str) -> AbstractContextManager[Running]:
        log = tmp_path_factory.mktemp("log", numbered=True) / "identity"
        return started({**settings_on(database), **settings}, certificates, log)

    return start_one


@pytest.fixture(scope="session")
def identity(start: Start) -> Iterator[Running]:
    """An identity for the session; a test that harms its stores puts them right again."""
    # Alice looks up more persons in a minute than anybody who works with them.
    with start("identity_component", lookup_rate_professional="10000", lookup_rate_professional_day="100000") as running:
        yield running


@pytest.fixture
def software(identity: Running, provider: Provider) -> Iterator[Software]:
    """Software in which Alice has just logged in."""
    token = identity.exchange(provider.assertion()).access_token
    with identity.stub(registry_grpc.PatientRegistryServiceStub) as registry:
        yield Software(registry, token)


@pytest.fixture
def family(identity: Running, provider: Provider, software: Software) -> Family:
    """A mother, a father and their child of 15."""
    return Family(identity, provider, software, identity.exchange(provider.assertion()).access_token)


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of a module's own: its tests harm it."""
    running = RedisServer(tmp_path_factory.mktemp("redis"))
    running.start()
    yield running
    running.terminate()


@pytest.fixture(scope="session")
def kept_mail_server(certificates: Authority) -> Iterator[MailServer]:
    """The mail server behind `mail_server`."""
    with MailServer(certificates.folder(SERVER)) as running:
        yield running


@pytest.fixture
def mail_server(kept_mail_server: MailServer) -> MailServer:
    """A mail server that has had no letter yet; a test that harms it puts it right again."""
    kept_mail_server.letters.clear()
    return kept_mail_server


@pytest.fixture
async def desk(database: tuple[Any, Any], mail_server: MailServer, certificates: Authority) -> AsyncIterator[Desk]:
    """The use cases of contact channels on a database of its own, and a patient who calls."""
    async with desk_of(database, mail_server, certificates) as opened:
        yield opened


@pytest.fixture
def number() -> str:
    """An INS that nobody has yet."""
    return new_number()


@pytest.fixture
def patient(software: Software, number: str) -> patient_pb2.Patient:
    """The patient of the story under such a number, registered and qualified."""
    return software.register(registration(number, residence_commune="33063"))


def _written(file: Path, text: str) -> str:
    write_private(file, text)
    return str(file)
