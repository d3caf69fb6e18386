"""This process's certificate: read from a folder, read again when it is renewed.

A renewed pair that does not parse or does not match is kept out: the last good one goes on serving and the fault is logged. Old
connections live on under the certificate they began with until the server's maximum connection age ends them.
"""

from dataclasses import dataclass
from pathlib import Path

import grpc
import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

logger = structlog.get_logger(__name__)


class CertificateError(Exception):
    """The files in the certificate folder cannot be used; the message names the file."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key, its certificate chain and the authority it trusts, each as PEM."""

    key: bytes
    certificate: bytes
    authority: bytes


class CertificateFolder:
    """key.pem, cert.pem and ca.pem of one service."""

    def __init__(self, folder: Path) -> None:
        self._files = (folder / "key.pem", folder / "cert.pem", folder / "ca.pem")
        self._seen = self._stamp()
        self.identity = self._read()

    def _stamp(self) -> tuple[int, ...]:
        try:
            return tuple(file.stat().st_mtime_ns for file in self._files)
        except OSError as error:
            raise CertificateError(f"{error.filename}: {error.strerror}") from None

    def _read(self) -> Identity:
        key, certificate, authority = (file.read_bytes() for file in self._files)
        try:
            private = load_pem_private_key(key, None)
            leaf = x509.load_pem_x509_certificate(certificate)
            x509.load_pem_x509_certificates(authority)
        except (ValueError, TypeError, UnsupportedAlgorithm):  # a TypeError is an encrypted key
            raise CertificateError(f"{self._files[0].parent}: not plain PEM of a kind we know") from None
        if private.public_key() != leaf.public_key():
            raise CertificateError(f"{self._files[0].parent}: key.pem does not belong to cert.pem")
        return Identity(key, certificate, authority)

    @property
    def name(self) -> str:
        """The URI name of this process's own certificate, empty when it has none or several."""
        leaf = x509.load_pem_x509_certificate(self.identity.certificate)
        try:
            names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return ""
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        return uris[0] if len(uris) == 1 else ""

    def renewed(self) -> bool:
        """Whether another good identity has been read since the last time this was asked. Never raises."""
        try:
            stamp = self._stamp()
            if stamp == self._seen:
                return False
            identity = self._read()
        except (CertificateError, OSError) as error:
            logger.error("certificate.kept_old", fault=str(error))  # noqa: TRY400  # the text says all; a trace would show paths
            return False
        self._seen, self.identity = stamp, identity
        logger.info("certificate.renewed")
        return True

    def server_credentials(self) -> grpc.ServerCredentials:
        """Credentials that demand a client certificate and follow renewals."""
        server_side = CertificateFolder(self._files[0].parent)  # a view of its own: gRPC asks on a foreign thread

        def configuration() -> grpc.ServerCertificateConfiguration:
            identity = server_side.identity
            return grpc.ssl_server_certificate_configuration([(identity.key, identity.certificate)], root_certificates=identity.authority)

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            return configuration() if server_side.renewed() else None

        # gRPC takes None for "unchanged", which its stubs do not say.
        return grpc.dynamic_ssl_server_credentials(configuration(), fetch, require_client_authentication=True)  # type: ignore[arg-type]

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Credentials of the identity as it is now; a channel made with them keeps it."""
        identity = self.identity
        return grpc.ssl_channel_credentials(identity.authority, identity.key, identity.certificate)
