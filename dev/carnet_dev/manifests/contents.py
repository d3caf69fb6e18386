"""ConfigMaps, Secrets and what is mounted of them: each named exists, and has the keys that are asked of it.

A Secret comes from the kustomization itself, from a Certificate, or from outside: those are listed in k8s/secrets.yaml.
"""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import yaml

from carnet_dev.manifests.objects import Fault, Object, Rendered, Workload

_CERTIFICATE_KEYS = frozenset({"tls.key", "tls.crt", "ca.crt"})
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
Outside = Mapping[str, frozenset[str]]


def read_outside(file: Path) -> Outside:
    """The Secrets that come from outside with their keys, `<DATE>` standing for any day."""
    listed: dict[str, list[str]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {secret: frozenset(keys) for secret, keys in listed.items()}


def check(rendered: Rendered, outside: Outside, listed: Outside) -> Iterator[Fault]:
    """Every mount, variable and volume that names what is not there; every rendered Secret that is not as it is listed."""
    for workload in rendered.workloads:
        for volume in workload.spec.get("volumes", []):
            yield from _volume(rendered, outside, workload, volume)
        for container in workload.all_containers:
            yield from _mounts(workload, container)
            yield from _variables(rendered, outside, workload, container)
    for secret in rendered.of("Secret"):
        wanted = listed.get(_plain(secret["metadata"]["name"]))
        found = {_DATE.sub("<DATE>", key) for key in secret.get("data", {})}
        if wanted is not None and found != wanted:
            yield Fault("secret-list", f"Secret/{secret['metadata']['name']}", f"has {sorted(found)}, and the list says {sorted(wanted)}")


def keys(rendered: Rendered, outside: Outside, kind: str, name: str) -> frozenset[str] | None:
    """The keys of a ConfigMap or Secret; None when there is none of that name."""
    found = rendered.find(kind, name)
    if found is not None:
        return frozenset({**found.get("data", {}), **found.get("binaryData", {})})
    if kind == "Secret":
        if any(one["spec"].get("secretName") == name for one in rendered.of("Certificate")):
            return _CERTIFICATE_KEYS
        return outside.get(name)
    return None


def texts(rendered: Rendered, name: str) -> list[str]:
    """The values of a rendered Secret, readable."""
    secret = rendered.find("Secret", name)
    return [base64.b64decode(value).decode(errors="replace") for value in (secret or {}).get("data", {}).values()]


def source(volume: Object) -> tuple[str, str, Sequence[Object]] | None:
    """The kind, the name and the chosen items of what a volume shows; None for one that is no ConfigMap or Secret."""
    if "secret" in volume:
        return "Secret", volume["secret"].get("secretName", ""), volume["secret"].get("items", [])
    if "configMap" in volume:
        return "ConfigMap", volume["configMap"].get("name", ""), volume["configMap"].get("items", [])
    return None


def _plain(name: str) -> str:
    """The name without the hash that kustomize adds."""
    return re.sub(r"-[0-9a-z]{10}$", "", name)


def _volume(rendered: Rendered, outside: Outside, workload: Workload, volume: Object) -> Iterator[Fault]:
    shown = source(volume)
    if shown is None:
        return
    kind, name, items = shown
    found = keys(rendered, outside, kind, name)
    rule = "secret" if kind == "Secret" else "config-map"
    if found is None:
        yield Fault(rule, workload.where, f"volume {volume['name']} shows {kind} {name}, which is nowhere")
        return
    for item in items:
        if item["key"] not in found:
            yield Fault(f"{rule}-key", workload.where, f"volume {volume['name']} shows {item['key']} of {kind} {name}, which has none")


def _mounts(workload: Workload, container: Object) -> Iterator[Fault]:
    volumes = {volume["name"] for volume in workload.spec.get("volumes", [])}
    volumes |= {claim["metadata"]["name"] for claim in workload.definition["spec"].get("volumeClaimTemplates", [])}
    places: set[PurePosixPath] = set()
    for mount in container.get("volumeMounts", []):
        where = f"{workload.where} {container['name']}"
        if mount["name"] not in volumes:
            yield Fault("volume", where, f"mounts {mount['name']}, and the pod has no such volume")
        if PurePosixPath(mount["mountPath"]) in places:
            yield Fault("volume", where, f"mounts twice at {mount['mountPath']}")
        if "subPath" in mount:
            yield Fault("sub-path", where, f"{mount['mountPath']}: by subPath a renewed file never appears")
        places.add(PurePosixPath(mount["mountPath"]))


def _variables(rendered: Rendered, outside: Outside, workload: Workload, container: Object) -> Iterator[Fault]:
    where = f"{workload.where} {container['name']}"
    for one in container.get("envFrom", []):
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if field in one and keys(rendered, outside, kind, one[field]["name"]) is None:
                yield Fault("config-map" if kind == "ConfigMap" else "secret", where, f"there is no {kind} {one[field]['name']}")
    for variable in container.get("env", []):
        chosen = variable.get("valueFrom", {})
        if "secretKeyRef" in chosen:
            yield Fault("secret-in-environment", where, f"{variable['name']}: a secret is a file, never a variable")
