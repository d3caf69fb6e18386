"""6, 7 and 8. Who calls (its certificate), whether it may (the table), and for whom (the token).

The certificate's one URI name is the caller. A certificate with none or several is nobody: a DNS name that spells a URI does not
count. Each of the three refuses by default.
"""

import base64
import hashlib
import ssl

from carnet_platform.callers import CallerTable, Right
from carnet_platform.calls import Caller
from carnet_platform.errors import Denied, Unauthenticated
from carnet_platform.interceptors.inbound import Inbound
from carnet_platform.tokens import TokenVerifier

REMEMBERED_CERTIFICATES = 1_000


def thumbprint(certificate: bytes) -> str:
    """base64url SHA-256 of a PEM certificate's DER form (RFC 8705, ``x5t#S256``)."""
    der = ssl.PEM_cert_to_DER_cert(certificate.decode())
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()


class CallerIdentity:
    """6. The caller by its certificate."""

    def __init__(self) -> None:
        self._thumbprints: dict[bytes, str] = {}

    async def enter(self, inbound: Inbound) -> None:
        """Name the caller. Raises ``Unauthenticated`` CALLER_UNKNOWN."""
        peer = inbound.context.auth_context()
        names, certificates = list(peer.get("peer_spiffe_id", ())), list(peer.get("x509_pem_cert", ()))
        if len(names) != 1 or len(certificates) != 1:
            raise Unauthenticated("CALLER_UNKNOWN", "the certificate must carry exactly one URI name")
        inbound.caller = Caller(names[0].decode(), self._thumbprint(certificates[0]))

    def leave(self, inbound: Inbound) -> None:
        """Nothing to do."""

    def _thumbprint(self, certificate: bytes) -> str:
        known = self._thumbprints.get(certificate)
        if known is None:
            if len(self._thumbprints) >= REMEMBERED_CERTIFICATES:
                self._thumbprints.clear()
            known = self._thumbprints[certificate] = thumbprint(certificate)
        return known


class CallerRight:
    """7. Whether the caller may call this service at all."""

    def __init__(self, table: CallerTable) -> None:
        self._table = table

    async def enter(self, inbound: Inbound) -> None:
        """Refuse who is not in the table. Raises ``Denied`` CALLER_NOT_ALLOWED."""
        if inbound.caller is None or self._table.right(inbound.caller.name, inbound.service) is None:
            raise Denied("CALLER_NOT_ALLOWED", "this certificate may not call this service")

    def leave(self, inbound: Inbound) -> None:
        """Nothing to do."""


class UserToken:
    """8. For whom the call is made."""

    def __init__(self, table: CallerTable, verifier: TokenVerifier | None) -> None:
        self._table = table
        self._verifier = verifier

    async def enter(self, inbound: Inbound) -> None:
        """Verify the token where the table asks for one. Raises ``Unauthenticated`` TOKEN_*."""
        if inbound.caller is None:
            raise Unauthenticated("CALLER_UNKNOWN", "the caller is not known")
        right = self._table.right(inbound.caller.name, inbound.service)
        if right is Right.ALONE or right is None:
            return
        scheme, _, token = inbound.text("authorization").partition(" ")
        if scheme.lower() != "bearer" or not token or self._verifier is None:
            raise Unauthenticated("TOKEN_MISSING", "this call needs a user token in `authorization`")
        user = await self._verifier.verify(token)
        if right is Right.PRESENTS and user.presenter != inbound.caller.thumbprint:
            raise Unauthenticated("TOKEN_WRONG_PRESENTER", "the token is bound to another certificate")
        inbound.user = user

    def leave(self, inbound: Inbound) -> None:
        """Nothing to do."""
