"""What makes key, certificate and authority fit to serve with: they belong together, it is this service's, and it is its time.

Decides nothing about callers; TLS and the table of callers do. Every fault names the file, the rule and what mends it. Of the names in a
certificate only URIs of our own are ever told: whatever else somebody may have put there could be a person's.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

TRUST_DOMAIN: Final = "spiffe://carnet"
CLOCK_TOLERANCE: Final = timedelta(minutes=1)
"""What this machine's clock may differ from that of who issued the certificate."""
HOLDS: Final = {
    "key.pem": "this service's private key as PEM, not encrypted, mode 0600",
    "cert.pem": "this service's certificate as PEM, those between it and the authority after it, mode 0644",
    "ca.pem": "the certificates of the authority as PEM, mode 0644",
}
"""The files of a folder, and what must be in each."""
_OUR_URI: Final = re.compile(rf"{TRUST_DOMAIN}/[a-z0-9/_-]{{1,60}}")


class CertificateError(Exception):
    """The files in the certificate folder cannot be used; the message names the file and what mends it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key, its certificate chain and the authority it trusts, each as PEM."""

    key: bytes
    certificate: bytes
    authority: bytes
    ends: datetime
    """When the first certificate between this one and its authority ends, both included (UTC)."""
    ends_first: str
    """The file that one is in: `cert.pem` or `ca.pem`."""


def fit_identity(folder: Path, service: str, now: datetime) -> Identity:
    """The identity in `folder`, fit to serve `service` with (any name when that is empty). Raises CertificateError."""
    key, certificate, authority = (_content(folder / name) for name in HOLDS)
    private = _private_key(folder / "key.pem", key)
    leaf, *between = _certificates(folder / "cert.pem", certificate)
    authorities = _certificates(folder / "ca.pem", authority)
    if private.public_key() != leaf.public_key():
        raise CertificateError(f"{folder / 'key.pem'} does not belong to cert.pem; put the key there that cert.pem was issued for")
    if service:
        _check_name(folder / "cert.pem", leaf, f"{TRUST_DOMAIN}/{service}")
    for one in (leaf, *between):
        _check_times(folder / "cert.pem", one, now)
    root = _root(folder / "ca.pem", leaf, between, authorities, now)
    first = min((leaf, *between), key=lambda one: one.not_valid_after_utc)
    if root.not_valid_after_utc < first.not_valid_after_utc:
        return Identity(key, certificate, authority, root.not_valid_after_utc, "ca.pem")
    return Identity(key, certificate, authority, first.not_valid_after_utc, "cert.pem")


def uri_names(certificate: x509.Certificate) -> list[str]:
    """The URI names a certificate carries."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.UniformResourceIdentifier)


def _content(file: Path) -> bytes:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CertificateError(f"{file}: {error.strerror}; it must hold {HOLDS[file.name]}") from None
    if not content.strip():
        raise CertificateError(f"{file} is empty; it must hold {HOLDS[file.name]}")
    return content


def _private_key(file: Path, pem: bytes) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # a TypeError is an encrypted key
        raise CertificateError(f"{file} is not a plain private key of a kind we know; it must hold {HOLDS[file.name]}") from None


def _certificates(file: Path, pem: bytes) -> Sequence[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(pem)
        for one in found:
            uri_names(one)  # reads the extensions: a certificate whose own do not parse is none
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension):
        raise CertificateError(f"{file} does not hold certificates that can be read; it must hold {HOLDS[file.name]}") from None
    return found


def _check_name(file: Path, leaf: x509.Certificate, expected: str) -> None:
    carried = uri_names(leaf)
    if carried == [expected]:
        return
    told = [uri if _OUR_URI.fullmatch(uri) else "a URI that is not ours" for uri in carried[:5]]
    raise CertificateError(
        f"{file} carries {' and '.join(told) or 'no URI name'}; a certificate with exactly one URI name, {expected}, must be issued"
    )


def _check_times(file: Path, certificate: x509.Certificate, now: datetime) -> None:
    if now > certificate.not_valid_after_utc + CLOCK_TOLERANCE:
        raise CertificateError(f"{file} expired on {_told(certificate.not_valid_after_utc)}; put a renewed one and its key there")
    if now < certificate.not_valid_before_utc - CLOCK_TOLERANCE:
        begins = _told(certificate.not_valid_before_utc)
        raise CertificateError(f"{file} is not valid before {begins}, and now is {_told(now)}; set this machine's clock, or wait")


def _root(
    file: Path, leaf: x509.Certificate, between: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate], now: datetime
) -> x509.Certificate:
    """The authority that vouches for `leaf`, through those between. One that is in its time is preferred."""
    current, waiting = leaf, list(between)
    while True:
        vouching = [one for one in authorities if _vouches(one, current)]
        if vouching:
            root = max(vouching, key=lambda one: (one.not_valid_before_utc <= now, one.not_valid_after_utc))
            _check_times(file, root, now)
            return root
        following = next((one for one in waiting if _vouches(one, current)), None)
        if following is None:
            raise CertificateError(f"{file} does not verify cert.pem; put the certificate of the authority there that issued cert.pem")
        waiting.remove(following)
        current = following


def _vouches(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether an authority issued a certificate; what may not issue any is no authority."""
    try:
        certificate.verify_directly_issued_by(issuer)
        return issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return False


def _told(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
