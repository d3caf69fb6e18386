"""The development authority: names, usages, renewal."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

from carnet_dev.certificates import LIFETIME, RENEW_BEFORE, Authority
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID


def read(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())


def names(certificate: x509.Certificate) -> x509.SubjectAlternativeName:
    return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def usages(certificate: x509.Certificate) -> set[x509.ObjectIdentifier]:
    return set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_a_certificate_carries_exactly_one_uri_name(tmp_path: Path) -> None:
    certificate = read(Authority(tmp_path).folder("software/gp"))
    assert names(certificate).get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://carnet/software/gp"]
    assert names(certificate).get_values_for_type(x509.DNSName) == ["software-gp", "localhost"]


def test_services_serve_and_call_and_software_only_calls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    assert usages(read(authority.folder("consent"))) == {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH}
    assert usages(read(authority.folder("portal"))) == {ExtendedKeyUsageOID.CLIENT_AUTH}


def test_keys_are_the_owners_alone(tmp_path: Path) -> None:
    folder = Authority(tmp_path).folder("audit")
    assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "authority" / "key.pem").stat().st_mode) == 0o600


def test_a_good_certificate_is_kept(tmp_path: Path) -> None:
    before = read(Authority(tmp_path).folder("audit"))
    assert read(Authority(tmp_path).folder("audit")) == before


def test_a_certificate_near_its_end_is_made_anew(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    starts = datetime.now(UTC) - LIFETIME + RENEW_BEFORE - timedelta(minutes=1)
    authority.issue(tmp_path / "audit", "audit", not_before=starts)
    before = read(tmp_path / "audit")
    assert read(authority.folder("audit")).serial_number != before.serial_number


def test_a_certificate_of_another_authority_is_made_anew(tmp_path: Path) -> None:
    Authority(tmp_path / "other").issue(tmp_path / "own" / "audit", "audit")
    authority = Authority(tmp_path / "own")
    certificate = read(authority.folder("audit"))
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate_file.read_bytes()))
    assert (tmp_path / "own" / "audit" / "ca.pem").read_bytes() == authority.certificate_file.read_bytes()


def test_an_authority_outlives_what_it_issues(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = x509.load_pem_x509_certificate(authority.certificate_file.read_bytes())
    assert own.not_valid_after_utc > read(authority.folder("audit")).not_valid_after_utc
