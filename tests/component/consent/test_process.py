"""Consent as the process that runs: mutual TLS, the table of callers, a clean end."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from carnet.common.v1 import purpose_of_use_pb2
from carnet.consent.v1 import access_decision_service_pb2 as decisions
from carnet.consent.v1 import access_decision_service_pb2_grpc as decision_grpc
from carnet.consent.v1 import withdrawal_service_pb2 as withdrawals
from carnet.consent.v1 import withdrawal_service_pb2_grpc as withdrawal_grpc
from carnet_dev.certificates import Authority
from carnet_dev.health import is_serving
from carnet_dev.key_files import master_key_folder
from carnet_dev.ports import free_port
from component.consent.conftest import new_request
from google.protobuf.timestamp_pb2 import Timestamp
from support.stores_fixtures import TestStores


@pytest.fixture
async def address(stores: TestStores, certificates: Authority, database_name: str, tmp_path: Path) -> AsyncIterator[str]:
    """host:port of a consent process, which ends cleanly afterwards."""
    listen, health = (f"127.0.0.1:{free_port()}" for _ in range(2))
    url_file = tmp_path / "mongo.url"
    url_file.write_text(stores.mongo_url(database_name))
    master_key_folder(tmp_path / "keys", datetime.now(UTC).date())
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CARNET_")} | {
        "CARNET_ENVIRONMENT": "test",
        "CARNET_LISTEN": listen,
        "CARNET_HEALTH_LISTEN": health,
        "CARNET_CERTIFICATE_FOLDER": str(certificates.folder("consent")),
        "CARNET_MONGO_URL_FILE": str(url_file),
        "CARNET_MASTER_KEY_FOLDER": str(tmp_path / "keys"),
        "CARNET_IDENTITY_TARGET": f"127.0.0.1:{free_port()}",
        "CARNET_AUDIT_TARGET": f"127.0.0.1:{free_port()}",
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "carnet_consent.main", env=environment)
    async with asyncio.timeout(30):
        while not await is_serving(health):
            assert process.returncode is None
    yield listen
    process.terminate()
    assert await process.wait() == 0


def channel(address: str, certificates: Authority, name: str) -> grpc.aio.Channel:
    """A channel under somebody's certificate."""
    folder = certificates.folder(name)
    ca, key, certificate = ((folder / file).read_bytes() for file in ("ca.pem", "key.pem", "cert.pem"))
    credentials = grpc.ssl_channel_credentials(ca, key, certificate)
    return grpc.aio.secure_channel(address, credentials, options=[("grpc.ssl_target_name_override", "consent")])


async def test_only_identity_registers_withdrawals_and_nobody_decides_without_a_user(address: str, certificates: Authority) -> None:
    expire_time = Timestamp()
    expire_time.FromDatetime(datetime.now(UTC) + timedelta(minutes=6))
    request = withdrawals.RegisterWithdrawalRequest(request_id=new_request(), subject="sessions/s1", expire_time=expire_time)
    question = decisions.DecideRequest(
        record="records/r", purpose=purpose_of_use_pb2.PURPOSE_OF_USE_TREATMENT, action=decisions.ACTION_READ
    )

    async with channel(address, certificates, "identity") as identity, channel(address, certificates, "documents") as documents:
        registered = await withdrawal_grpc.WithdrawalServiceStub(identity).RegisterWithdrawal(request)
        with pytest.raises(grpc.aio.AioRpcError) as not_identity:
            await withdrawal_grpc.WithdrawalServiceStub(documents).RegisterWithdrawal(request)
        with pytest.raises(grpc.aio.AioRpcError) as no_user:
            await decision_grpc.AccessDecisionServiceStub(documents).Decide(question)

    assert registered.position == 1
    assert not_identity.value.code() == grpc.StatusCode.PERMISSION_DENIED
    assert no_user.value.code() == grpc.StatusCode.UNAUTHENTICATED
