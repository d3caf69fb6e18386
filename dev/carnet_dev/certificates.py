"""The development certificate authority: one certificate a name, for mutual TLS between everything on this machine.

A certificate carries exactly one URI name, `spiffe://carnet/<name>`, by which the table of callers knows it, and DNS names for the
side that connects. Services may serve and call; software, portals and systems may only call. Not for production: the key lies beside.
"""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from carnet_dev.private_files import write_private

TRUST_DOMAIN = "spiffe://carnet"
SERVING = frozenset({"identity", "consent", "documents", "audit", "gateway", "mail-server"})
AUTHORITY_LIFETIME = timedelta(days=730)
LIFETIME = timedelta(days=30)
RENEW_BEFORE = timedelta(days=7)
_CLOCK_TOLERANCE = timedelta(minutes=5)


class Authority:
    """A certificate authority kept in `folder`; what it issues lies in `folder/<name>` as key.pem, cert.pem, ca.pem."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own = folder / "authority"
        self._certificate, self._key = self._open()

    @property
    def certificate_file(self) -> Path:
        """The authority's certificate (PEM): what a client trusts."""
        return self._own / "cert.pem"

    def folder(self, name: str) -> Path:
        """The folder of `name`'s key and certificate; made, or made anew when it ends within a week or another authority issued it."""
        folder = self._folder / name
        if not self._is_current(folder):
            self.issue(folder, name)
        return folder

    def issue(
        self,
        folder: Path,
        name: str,
        *,
        uris: Sequence[str] | None = None,
        dns: Sequence[str] | None = None,
        not_before: datetime | None = None,
        lifetime: timedelta = LIFETIME,
        may_serve: bool | None = None,
    ) -> None:
        """Write a new key and certificate for `name` into `folder`; the options make others than the usual ones, for tests."""
        key = ec.generate_private_key(ec.SECP256R1())
        starts = not_before or datetime.now(UTC) - _CLOCK_TOLERANCE
        uri_names = [f"{TRUST_DOMAIN}/{name}"] if uris is None else uris
        dns_names = [name.replace("/", "-"), "localhost"] if dns is None else dns
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri) for uri in uri_names]
        names += [x509.DNSName(dns_name) for dns_name in dns_names]
        names.append(x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")))
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if name in SERVING if may_serve is None else may_serve:
            usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
        certificate = (
            self._builder(name, key.public_key(), starts, starts + lifetime)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(_key_usage(), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        _write(folder, key, certificate)
        write_private(folder / "ca.pem", self.certificate_file.read_bytes(), mode=0o644)

    def _is_current(self, folder: Path) -> bool:
        if not all((folder / file).exists() for file in ("key.pem", "cert.pem", "ca.pem")):
            return False
        certificate = x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())
        try:
            certificate.verify_directly_issued_by(self._certificate)
        except (InvalidSignature, ValueError, TypeError):
            return False
        return certificate.not_valid_after_utc - datetime.now(UTC) > RENEW_BEFORE

    def _open(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        if (self._own / "cert.pem").exists():
            certificate = x509.load_pem_x509_certificate((self._own / "cert.pem").read_bytes())
            key = serialization.load_pem_private_key((self._own / "key.pem").read_bytes(), None)
            # It must outlive what it issues, or a certificate would be refused before it ends.
            remaining = certificate.not_valid_after_utc - datetime.now(UTC)
            if isinstance(key, ec.EllipticCurvePrivateKey) and remaining > LIFETIME + RENEW_BEFORE:
                return certificate, key
        key = ec.generate_private_key(ec.SECP256R1())
        starts = datetime.now(UTC) - _CLOCK_TOLERANCE
        certificate = (
            self._builder("Carnet development authority", key.public_key(), starts, starts + AUTHORITY_LIFETIME, issuer_key=key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(for_authority=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        _write(self._own, key, certificate)
        return certificate, key

    def _builder(
        self,
        common_name: str,
        public_key: ec.EllipticCurvePublicKey,
        starts: datetime,
        ends: datetime,
        *,
        issuer_key: ec.EllipticCurvePrivateKey | None = None,
    ) -> x509.CertificateBuilder:
        subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Carnet"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        signer = (issuer_key or self._key).public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer_key else self._certificate.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(starts)
            .not_valid_after(ends)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
        )


def _key_usage(*, for_authority: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=for_authority,
        crl_sign=for_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(folder: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    """The key first: a reader that meets a new key beside an old certificate keeps what it had (both are checked as a pair)."""
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    write_private(folder / "key.pem", pem)
    write_private(folder / "cert.pem", certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)
