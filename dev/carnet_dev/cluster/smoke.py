"""``python -m carnet_dev.cluster.smoke``: from inside the cluster, is every service ready, and does each know who calls?

It waits for the health of every service, then calls each one as `software/smoke`: what needs a user is refused for want of a token,
what software may not call at all is refused for its name, and what it may call alone is answered. It changes nothing.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path

import grpc
from carnet.audit.v1.audit_reader_service_pb2 import ListAccessHistoryRequest
from carnet.consent.v1.record_service_pb2 import GetRecordRequest
from carnet.documents.v1.document_query_service_pb2 import GetDocumentRequest
from carnet.identity.v1.directory_service_pb2 import BatchGetDisplayNamesRequest
from carnet_client import Connection, Targets

from carnet_dev.health import wait_until_serving
from carnet_dev.plan import HEALTH_OFFSET, SERVICES

_REMIND_EVERY = timedelta(seconds=10)
_CALL_SECONDS = 10.0
Call = Callable[[], Awaitable[object]]


async def smoke(targets: Targets, health: Sequence[str], certificate: Path) -> list[str]:
    """What is wrong, one line each; nothing when the cluster is as it should be. Waits for ever for health (see `main`)."""
    for address in health:
        await wait_until_serving(address, lambda: False, _REMIND_EVERY, lambda address=address: _say(f"waiting for {address}"))  # type: ignore[misc]
    async with Connection(targets, certificate) as connection:
        calls = _calls(connection)
        answers = [await _code(call) for _, call, _ in calls]
    faults = []
    for (what, _, expected), answer in zip(calls, answers, strict=True):
        _say(f"{what}: {answer.name}")
        if answer not in expected:
            faults.append(f"{what}: {answer.name}, not {' or '.join(code.name for code in expected)}")
    return faults


def _calls(connection: Connection) -> list[tuple[str, Call, tuple[grpc.StatusCode, ...]]]:
    """What is called, and the answers that show that it works."""
    code = grpc.StatusCode
    return [
        (
            "identity answers software",
            lambda: connection.directory.BatchGetDisplayNames(BatchGetDisplayNamesRequest(), timeout=_CALL_SECONDS),
            (code.OK, code.INVALID_ARGUMENT),
        ),
        (
            "consent wants a user",
            lambda: connection.records.GetRecord(GetRecordRequest(), timeout=_CALL_SECONDS),
            (code.UNAUTHENTICATED,),
        ),
        (
            "documents wants a user",
            lambda: connection.documents.GetDocument(GetDocumentRequest(), timeout=_CALL_SECONDS),
            (code.UNAUTHENTICATED,),
        ),
        (
            "audit shows a history to no software",
            lambda: connection.history.ListAccessHistory(ListAccessHistoryRequest(), timeout=_CALL_SECONDS),
            (code.PERMISSION_DENIED,),
        ),
    ]


async def _code(call: Call) -> grpc.StatusCode:
    try:
        await call()
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def _run(certificate: Path, patience: float) -> list[str]:
    targets = Targets(**{service.name: f"dns:///{service.name}:{service.port}" for service in SERVICES})
    health = [f"dns:///{service.name}:{service.port + HEALTH_OFFSET}" for service in SERVICES]
    try:
        async with asyncio.timeout(patience):
            return await smoke(targets, health, certificate)
    except TimeoutError:
        return ["not every service became ready in time"]


def main() -> int:
    """Exit code 0 when nothing is wrong."""
    parser = argparse.ArgumentParser(prog="smoke", description="Is every service ready, and does each know who calls?")
    parser.add_argument("--certificate", type=Path, required=True, help="folder with key.pem, cert.pem, ca.pem of software/smoke")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds to wait for everything (default: 300)")
    options = parser.parse_args()
    faults = asyncio.run(_run(options.certificate, options.patience))
    sys.stderr.writelines(fault + "\n" for fault in faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
