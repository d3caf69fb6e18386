"""The service as a process of its own, called over mutual TLS, killed and started again."""

import asyncio
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from carnet.audit.v1 import audit_service_pb2 as pb
from carnet.audit.v1.audit_service_pb2_grpc import AuditServiceStub
from carnet_dev.health import is_serving
from carnet_dev.key_files import master_key_folder
from carnet_platform.certificates import CertificateFolder
from carnet_platform.clock import SystemClock
from carnet_platform.errors import Refusal, Unavailable
from carnet_platform.journal import JournalBatch
from carnet_platform.peers import Peer
from component.audit.world import Writer
from pymongo import MongoClient
from support.waiting import eventually_answers, eventually_given


class Process:
    """Audit on ports of its own."""

    def __init__(self, folder: Path, certificates: Path, mongo_url: str) -> None:
        self.listen, self.health = free_address(), free_address()
        url = folder / "mongo.url"
        url.write_text(mongo_url)
        self._log = folder / "audit.log"
        settings = {
            "ENVIRONMENT": "test",
            "LISTEN": self.listen,
            "HEALTH_LISTEN": self.health,
            "CERTIFICATE_FOLDER": str(certificates),
            "MONGO_URL_FILE": str(url),
            "MASTER_KEY_FOLDER": str(master_key_folder(folder / "keys", datetime.now(UTC).date())),
            "IDENTITY_TARGET": free_address(),
            "CONSENT_TARGET": free_address(),
            "TAKEOVER_PATIENCE": "PT0.3S",
            "CHECKPOINT_INTERVAL": "PT0.1S",
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CARNET_")}
        self._environment = inherited | {f"CARNET_{name}": value for name, value in settings.items()}
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self.process = self._spawn()

        async def is_up() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self._log.read_text()
            return await is_serving(self.health)

        await eventually_answers(is_up)

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", "carnet_audit.main"], env=self._environment, stderr=log)

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await asyncio.to_thread(self.process.wait)

    async def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return await asyncio.to_thread(self.process.wait, 20)


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def short_transactions(stores: Any) -> Iterator[None]:  # noqa: ANN401 - the fixture of tests/support
    """A killed process leaves its transaction open: the store ends it, after a minute unless told otherwise."""
    with MongoClient[dict[str, Any]](stores.mongo_admin_url) as client:
        before = client.admin.command("setParameter", 1, transactionLifetimeLimitSeconds=2)["was"]
        yield
        client.admin.command("setParameter", 1, transactionLifetimeLimitSeconds=before)


@pytest.fixture
async def audit(tmp_path: Path, certificates: Any, stores: Any, database_name: str) -> AsyncIterator[Process]:  # noqa: ANN401 - fixtures
    process = Process(tmp_path, certificates.folder("audit"), stores.mongo_url(database_name))
    await process.start()
    yield process
    if process.process is not None and process.process.poll() is None:
        await process.kill()


@pytest.fixture
async def open_peer(audit: Process, certificates: Any) -> AsyncIterator[Callable[[str], Peer[Any]]]:  # noqa: ANN401
    peers = []

    def connect(name: str) -> Peer[Any]:
        peers.append(Peer(audit.listen, AuditServiceStub, "audit", CertificateFolder(certificates.folder(name)), SystemClock()))
        return peers[-1]

    yield connect
    for peer in peers:
        await peer.close()


def message(batch: JournalBatch) -> pb.Batch:
    return pb.Batch(
        first_seq=batch.first_seq,
        events=[pb.SealedEvent(salt=event.salt, payload=event.payload) for event in batch.events],
        prev_head=batch.prev_head,
        head=batch.head,
        signature=batch.signature,
        closing=batch.closing,
    )


async def answered(call: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - any answer
    """The answer, once the channel has found the process started again."""
    return await eventually_given(call, lambda error: isinstance(error, Unavailable), timedelta(seconds=30))


@pytest.mark.usefixtures("short_transactions")
async def test_killed_again_and_again_it_keeps_what_it_acknowledged(
    audit: Process,
    open_peer: Callable[[str], Peer[Any]],
    database: tuple[Any, Any],
) -> None:
    """R1, for audit: kill -9 in the middle of appends; every acknowledged event becomes a leaf, once."""
    documents = open_peer("documents")
    writer = Writer(secrets.token_hex(4))
    name = f"streams/{writer.stream}"
    batches = [message(batch) for batch in writer.batches(30)]
    acknowledged = 0
    for kill_at in (10, 20, 30):
        known = await answered(lambda: documents().RegisterStream(pb.RegisterStreamRequest(stream=name, public_key=writer.public_key)))
        assert known.next_seq >= acknowledged
        for batch in batches[known.next_seq // 3 : kill_at]:
            acknowledged = (await documents().AppendBatches(pb.AppendBatchesRequest(stream=name, batches=[batch]))).next_seq
        if kill_at < 30:
            await audit.kill()
            await audit.start()
    store = database[1]

    async def is_sequenced() -> bool:
        logged = await store.events.count_documents({"state": "logged", "producer": f"documents/streams/{writer.stream}"})
        newest = await store.checkpoints.find_one({"note": {"$exists": True}}, sort=[("number", -1)])
        return bool(logged == 90 and newest and newest["size"] >= 90)

    await eventually_answers(is_sequenced)
    assert acknowledged == 90
    assert await store.leaves.count_documents({}) == (await store.terms.find_one({}))["size"]
    assert await audit.stop() == 0


async def test_another_service_and_a_stranger_are_refused_over_the_wire(audit: Process, open_peer: Callable[[str], Peer[Any]]) -> None:
    """A7: by the certificate, whatever the request says."""
    del audit
    writer = Writer("wire")
    request = pb.RegisterStreamRequest(stream="streams/wire", public_key=writer.public_key)
    await open_peer("documents")().RegisterStream(request)
    gap = pb.AppendBatchesRequest(stream="streams/wire", batches=[message(writer.batches(2)[1])])
    for refused, call in (
        ("CALLER_NOT_ALLOWED", open_peer("consent")().RegisterStream(request)),
        ("CALLER_NOT_ALLOWED", open_peer("software/gp")().RegisterStream(request)),
        ("SEQUENCE_GAP", open_peer("documents")().AppendBatches(gap)),
    ):
        with pytest.raises(Refusal) as caught:
            await call
        # A caller of ours does not tell its own users which of its rights is missing: the client shows it as a dependency's failure.
        assert caught.value.reason in {refused, "DEPENDENCY_UNAVAILABLE"}
        if refused == "SEQUENCE_GAP":
            assert caught.value.metadata["expected"] == "0"
