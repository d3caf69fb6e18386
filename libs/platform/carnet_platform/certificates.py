"""This process's certificate: read from a folder, read again when it is renewed, and told of days before it ends.

A renewed one that is not fit to serve with ([certificate_rules](certificate_rules.py)) is kept out: the last good one goes on serving
and the fault is logged, once for each new fault. Old connections live on under the certificate they began with until the server's
maximum connection age ends them. Its times are those of the machine's own clock, as they are for TLS.
"""

from copy import copy
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import grpc
import structlog
from cryptography import x509

from carnet_platform.certificate_rules import HOLDS, CertificateError, Identity, fit_identity, uri_names
from carnet_platform.clock import Clock, SystemClock

__all__ = ["CertificateEnd", "CertificateError", "CertificateFolder", "Identity"]

logger = structlog.get_logger(__name__)
_DAY: Final = timedelta(days=1)


class CertificateFolder:
    """key.pem, cert.pem and ca.pem of one service."""

    def __init__(self, folder: Path, *, service: str = "", clock: Clock | None = None) -> None:
        """Read the folder. `service` is whose certificate it must be; empty: anybody's. Raises CertificateError."""
        self._folder = folder
        self._service = service
        self.clock = clock or SystemClock()
        self._seen = self._stamp()
        self._told_of: object = None
        self.identity = self._read()

    def _stamp(self) -> tuple[int, ...]:
        """What changes when a file does; 0 for one that is not there."""
        return tuple(self._modified(self._folder / name) for name in HOLDS)

    def _modified(self, file: Path) -> int:
        try:
            return file.stat().st_mtime_ns
        except OSError:
            return 0

    def _read(self) -> Identity:
        return fit_identity(self._folder, self._service, self.clock.now())

    @property
    def name(self) -> str:
        """The URI name of this process's own certificate, empty when it has none or several."""
        uris = uri_names(x509.load_pem_x509_certificate(self.identity.certificate))
        return uris[0] if len(uris) == 1 else ""

    def renewed(self, *, is_told: bool = True) -> bool:
        """Whether another good identity has been read since the last time this was asked; `is_told` in the log. Never raises."""
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        try:
            identity = self._read()
        except CertificateError as error:
            if is_told and self._told_of != (stamp, str(error)):
                logger.error("certificate.kept_old", fault=str(error))  # noqa: TRY400  # the text says all
                self._told_of = (stamp, str(error))
            return False
        self._seen, self.identity, self._told_of = stamp, identity, None
        if is_told:
            logger.info("certificate.renewed", ends=identity.ends.isoformat())
        return True

    def server_credentials(self) -> grpc.ServerCredentials:
        """Credentials that demand a client certificate and follow renewals."""
        server_side = copy(self)  # a view of its own: gRPC asks on a foreign thread

        def configuration() -> grpc.ServerCertificateConfiguration:
            identity = server_side.identity
            return grpc.ssl_server_certificate_configuration([(identity.key, identity.certificate)], root_certificates=identity.authority)

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            return configuration() if server_side.renewed(is_told=False) else None

        # gRPC takes None for "unchanged", which its stubs do not say.
        return grpc.dynamic_ssl_server_credentials(configuration(), fetch, require_client_authentication=True)  # type: ignore[arg-type]

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Credentials of the identity as it is now; a channel made with them keeps it."""
        identity = self.identity
        return grpc.ssl_channel_credentials(identity.authority, identity.key, identity.certificate)


class CertificateEnd:
    """Says once a day that the certificate ends soon: a warning first, an error when the end is near."""

    def __init__(self, certificates: CertificateFolder, warning: timedelta, alarm: timedelta) -> None:
        """`warning` and `alarm` before its end it is told of, at the one level and at the other."""
        self._certificates = certificates
        self._warning = warning
        self._alarm = alarm
        self._told: datetime | None = None
        self._was_alarm = False

    def look(self) -> None:
        """Tell it when it is time. To be asked often: a line follows the last one by a day, or by the change from warning to error."""
        now, identity = self._certificates.clock.now(), self._certificates.identity
        left = identity.ends - now
        if left > self._warning:
            self._told, self._was_alarm = None, False
            return
        is_alarm = left <= self._alarm
        if self._told is not None and now - self._told < _DAY and is_alarm == self._was_alarm:
            return
        self._told, self._was_alarm = now, is_alarm
        facts = {"file": identity.ends_first, "days_left": left // _DAY, "ends": identity.ends.isoformat()}
        if is_alarm:
            logger.error("certificate.ends_soon", **facts)
        else:
            logger.warning("certificate.ends_soon", **facts)
