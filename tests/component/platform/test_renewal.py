"""A server goes on under the certificate it has until a fit one lies in its folder: seen from the other end of the connection."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from carnet_dev.certificates import Authority
from carnet_platform.certificates import CertificateFolder
from cryptography import x509


@pytest.fixture
def folder(tmp_path: Path, certificates: Authority) -> Path:
    certificates.issue(tmp_path / "own", "documents")
    return tmp_path / "own"


@pytest.fixture
async def port(folder: Path) -> AsyncIterator[int]:
    """Of a server that serves nothing with the certificate of `folder`."""
    server = grpc.aio.server()
    opened = server.add_secure_port("127.0.0.1:0", CertificateFolder(folder, service="documents").server_credentials())
    await server.start()
    yield opened
    await server.stop(None)


def serial_of(file: bytes) -> int:
    return x509.load_pem_x509_certificate(file).serial_number


async def presented(port: int, certificates: Authority) -> int:
    """The serial number of the certificate that a new connection is shown."""
    mine = certificates.folder("software/gp")
    context = ssl.create_default_context(cafile=mine / "ca.pem")
    context.load_cert_chain(mine / "cert.pem", mine / "key.pem")
    context.set_alpn_protocols(["h2"])

    def connect() -> bytes | None:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="documents") as secure,
        ):
            return secure.getpeercert(binary_form=True)

    shown = await asyncio.to_thread(connect)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


async def test_an_expired_or_misnamed_certificate_is_not_taken_up_and_a_good_one_is(
    folder: Path, port: int, certificates: Authority
) -> None:
    first = serial_of((folder / "cert.pem").read_bytes())
    assert await presented(port, certificates) == first
    certificates.issue(folder, "documents", not_before=datetime.now(UTC) - timedelta(days=365))
    assert await presented(port, certificates) == first
    certificates.issue(folder, "documents", uris=["spiffe://carnet/audit"])
    assert await presented(port, certificates) == first
    (folder / "key.pem").unlink()
    assert await presented(port, certificates) == first
    certificates.issue(folder, "documents")
    renewed = serial_of((folder / "cert.pem").read_bytes())
    assert renewed != first
    assert await presented(port, certificates) == renewed
