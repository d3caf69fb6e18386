"""Renders network policies and certificates from the table of callers: `python -m carnet_dev.manifests`.

One edge of the table becomes two policies, one at each end: the caller may go out, the callee lets in. A caller from outside the
cluster arrives through the edge, a namespace with the label `carnet/edge`; inside it is a pod with the label `carnet/caller`.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from carnet_dev.manifests.table import Callers, Edge
from carnet_dev.plan import SERVICES

_PORTS: Mapping[str, int] = {service.name: service.port for service in SERVICES}
CLIENTS_INSIDE = ("software/smoke",)
"""Clients that run in the cluster with a certificate of their own."""

_HEAD = "# Made from proto/callers.toml by `make manifests`; edit that instead.\n"

_EGRESS = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {caller}-calls-{callee}
spec:
  podSelector:
    matchLabels:
      {label}
  policyTypes: [Egress]
  egress:
    - to:
        - podSelector:
            matchLabels:
              app.kubernetes.io/name: {callee}
      ports:
        - protocol: TCP
          port: {port}
"""

_INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {callee}-serves-{caller}
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/name: {callee}
  policyTypes: [Ingress]
  ingress:
    - from:
        - podSelector:
            matchLabels:
              {label}
{edge}      ports:
        - protocol: TCP
          port: {port}
"""

_FROM_THE_EDGE = """\
        - namespaceSelector:
            matchLabels:
              carnet/edge: "true"
"""

_CERTIFICATE = """\
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: {dns}
spec:
  secretName: {dns}-certificate
  commonName: {dns}
  subject:
    organizations: [Carnet]
  uris:
    - spiffe://carnet/{name}
  dnsNames:
    - {dns}
    - {dns}.carnet
    - {dns}.carnet.svc
    - {dns}.carnet.svc.cluster.local
  usages:
{usages}  duration: 720h
  renewBefore: 240h
  privateKey:
    algorithm: ECDSA
    size: 256
    encoding: PKCS8
    rotationPolicy: Always
  issuerRef:
    name: carnet-authority
    kind: Issuer
    group: cert-manager.io
"""


def policies(callers: Callers) -> str:
    """Two network policies for each edge of the table."""
    return _documents(text for edge in sorted(callers.edges) for text in _both_ends(edge, callers))


def certificates(callers: Callers) -> str:
    """One certificate for each service of the table, and for each client inside."""
    serving = [_certificate(name, ("digital signature", "server auth", "client auth")) for name in callers.services]
    calling = [_certificate(name, ("digital signature", "client auth")) for name in CLIENTS_INSIDE]
    return _documents(serving + calling)


def rendered(callers: Callers, folder: Path) -> dict[Path, str]:
    """What belongs into each file of `folder`, the k8s folder of the repository."""
    components = folder / "components"
    return {
        components / "network-policies" / "callers.yaml": policies(callers),
        components / "pki" / "certificates.yaml": certificates(callers),
    }


def stale(callers: Callers, folder: Path) -> list[Path]:
    """The files that are not what the table says."""
    return [path for path, text in rendered(callers, folder).items() if not path.exists() or path.read_text(encoding="utf-8") != text]


def _both_ends(edge: Edge, callers: Callers) -> tuple[str, str]:
    is_outside = edge.caller in callers.outsiders
    label = f"carnet/caller: {edge.caller}" if is_outside else f"app.kubernetes.io/name: {edge.caller}"
    port = _PORTS[edge.callee]
    egress = _EGRESS.format(caller=edge.caller, callee=edge.callee, label=label, port=port)
    way_in = _FROM_THE_EDGE if is_outside else ""
    return egress, _INGRESS.format(caller=edge.caller, callee=edge.callee, label=label, port=port, edge=way_in)


def _certificate(name: str, usages: Iterable[str]) -> str:
    return _CERTIFICATE.format(name=name, dns=name.rsplit("/", 1)[-1], usages="".join(f"    - {usage}\n" for usage in usages))


def _documents(texts: Iterable[str]) -> str:
    return _HEAD + "---\n".join(texts)
