"""Certificates of cert-manager: each service has one, with exactly one URI name, and the DNS names its callers know it by."""

from collections.abc import Iterator

from carnet_dev.manifests.objects import Fault, Object, Rendered, name
from carnet_dev.manifests.table import Callers

_TRUST_DOMAIN = "spiffe://carnet/"


def check(rendered: Rendered, callers: Callers) -> Iterator[Fault]:
    """Every certificate that names somebody else, or nobody, and every service without one. Nothing without cert-manager."""
    certificates = [one for one in rendered.of("Certificate") if not one["spec"].get("isCA")]
    if not certificates:
        return
    named = {service for service in callers.services for one in certificates if one["spec"].get("uris") == [_TRUST_DOMAIN + service]}
    for service in sorted(set(callers.services) - named):
        yield Fault("certificate", service, "no certificate has this service's name, and only that, as its URI name")
    for one in certificates:
        yield from _one(rendered, callers, one)


def _one(rendered: Rendered, callers: Callers, certificate: Object) -> Iterator[Fault]:
    spec, where = certificate["spec"], name(certificate)
    uris = spec.get("uris", [])
    if len(uris) != 1 or not uris[0].startswith(_TRUST_DOMAIN) or "*" in uris[0]:
        yield Fault("certificate-uri", where, "it has not exactly one URI name of the trust domain")
        return
    service = uris[0].removeprefix(_TRUST_DOMAIN)
    if service in callers.services:
        if service not in spec.get("dnsNames", []) or "server auth" not in spec["usages"]:
            yield Fault("certificate-dns", where, f"{service} serves, so it needs that DNS name and the usage `server auth`")
        if spec["secretName"] != f"{service}-certificate":
            yield Fault("certificate-secret", where, f"{service} mounts {service}-certificate")
    elif service.split("/")[0] not in callers.outsiders:
        yield Fault("certificate-unknown", where, f"the table of callers knows no {service}")
    issuer = spec["issuerRef"]
    if issuer["kind"] == "Issuer" and rendered.find("Issuer", issuer["name"]) is None:
        yield Fault("certificate-issuer", where, f"there is no Issuer {issuer['name']}")
