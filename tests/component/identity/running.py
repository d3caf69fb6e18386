"""An identity process, and what a test calls it with."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import grpc
from carnet.common.v1 import purpose_of_use_pb2 as purposes
from carnet.identity.v1 import directory_service_pb2 as directory_pb
from carnet.identity.v1 import directory_service_pb2_grpc as directory_grpc
from carnet.identity.v1 import patient_pb2
from carnet.identity.v1 import session_service_pb2 as session_pb
from carnet.identity.v1 import session_service_pb2_grpc as session_grpc
from carnet_dev.certificates import Authority
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support.waiting import wait_until

StubT = TypeVar("StubT")
TEST_NUMBERS = "1.2.250.1.213.1.4.10"
HOSPITAL, PRACTICE, INSURER = "990000036", "990000010", "990000051"
PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Refused:
    """What a refusal says."""

    code: grpc.StatusCode
    reason: str
    field: str
    text: str


@dataclass
class Running:
    """A started identity."""

    process: subprocess.Popen[bytes]
    target: str
    authority: Authority
    log: Path

    @contextmanager
    def stub(self, kind: Callable[[grpc.Channel], StubT], name: str = "software/gp") -> Iterator[StubT]:
        """A stub under the certificate of `name`."""
        folder = self.authority.folder(name)
        key, chain, root = ((folder / file).read_bytes() for file in ("key.pem", "cert.pem", "ca.pem"))
        with grpc.secure_channel(self.target, grpc.ssl_channel_credentials(root, key, chain)) as channel:
            yield kind(channel)

    def exchange(
        self,
        assertion: str,
        *,
        structure: str | None = None,
        purpose: int = purposes.PURPOSE_OF_USE_TREATMENT,
        name: str = "software/gp",
        nonce: str = "",
    ) -> session_pb.ExchangeAssertionResponse:
        """A token for an assertion; the structure is Alice's practice unless another is named."""
        request = session_pb.ExchangeAssertionRequest(
            assertion=assertion,
            purpose=purposes.PurposeOfUse.ValueType(purpose),
            structure=self.structure(PRACTICE) if structure is None else structure,
            nonce=nonce,
        )
        with self.stub(session_grpc.SessionServiceStub, name) as sessions:
            return sessions.ExchangeAssertion(request, timeout=10)

    def structure(self, finess: str) -> str:
        """The name of a structure of the directory."""
        with self.stub(directory_grpc.DirectoryServiceStub) as directory:
            return directory.LookupStructure(directory_pb.LookupStructureRequest(finess=finess), timeout=10).structure.name


@contextmanager
def started(settings: Mapping[str, str], authority: Authority, log: Path) -> Iterator[Running]:
    """Runs `python -m carnet_identity.main` until the block ends; it is ready when the block begins."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CARNET_")}
    environment |= {f"CARNET_{name.upper()}": value for name, value in settings.items()}
    with log.open("ab") as output:
        process = subprocess.Popen([sys.executable, "-m", "carnet_identity.main"], env=environment, stderr=output, stdout=output)
    running = Running(process, settings["listen"], authority, log)
    try:
        _await_ready(running, settings["health_listen"])
        yield running
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def _await_ready(running: Running, target: str) -> None:
    with grpc.insecure_channel(target) as channel:
        health = health_pb2_grpc.HealthStub(channel)

        def has_settled() -> bool:
            if running.process.poll() is not None:
                return True
            try:
                answer = health.Check(health_pb2.HealthCheckRequest(), timeout=1, wait_for_ready=True)
            except grpc.RpcError:
                return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

        wait_until(has_settled, timedelta(seconds=PATIENCE_SECONDS), lambda: running.log.read_text()[-4000:])
    if running.process.poll() is not None:
        raise AssertionError("identity did not become ready:\n" + running.log.read_text()[-4000:])


def refused(call: Callable[[], object]) -> Refused:
    """How a call is refused; an AssertionError when it is not."""
    try:
        call()
    except grpc.RpcError as error:
        return _read(error)
    raise AssertionError("the call was not refused")


def _read(error: Any) -> Refused:  # noqa: ANN401 - gRPC gives errors that are calls, typed as neither
    details = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
    info, violation = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status_pb2.Status.FromString(details).details:
        for target in (info, violation):
            if detail.Is(target.DESCRIPTOR):
                detail.Unpack(target)
    field = violation.field_violations[0].field if violation.field_violations else ""
    return Refused(error.code(), info.reason, field, error.details() or "")


def ins(value: str = "279035121518989", authority: str = TEST_NUMBERS) -> patient_pb2.Ins:
    """The INS of the patient of the story."""
    return patient_pb2.Ins(value=value, authority=authority)


def traits(**changes: Any) -> patient_pb2.Traits:  # noqa: ANN401 - fields of the message
    """The traits of the patient of the story, with changes."""
    good = {
        "birth_family_name": "PAT-TROIS",
        "first_given_name": "DOMINIQUE",
        "given_names": "DOMINIQUE MARIE-LOUISE",
        "birth_date": "19790328",
        "sex": patient_pb2.SEX_FEMALE,
        "birth_place": "51215",
    }
    return patient_pb2.Traits(**{**good, **changes})


def lines(log: Path) -> list[dict[str, Any]]:
    """The log as objects."""
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
