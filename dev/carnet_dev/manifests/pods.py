"""What every pod must be: restricted, of a fixed image, with a memory it keeps to, and with time to stop.

The rules of the restricted profile are those of Pod Security Standards; the rest is what Carnet asks of itself.
"""

import re
from collections.abc import Iterator
from typing import Any

from carnet_dev.manifests.objects import Fault, Object, Rendered, Workload

_QUANTITY = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_FLOATING = re.compile(r"latest|main|master|edge|stable|dev|nightly|[0-9]+(?:\.[0-9]+)?")
_VOLUMES = frozenset({"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"})
_UNITS = {"m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
_DEFAULT_STOP_GRACE = 10


def check(rendered: Rendered, *, by_digest: bool) -> Iterator[Fault]:
    """Every pod that is not as it must be; `by_digest` refuses images by tag."""
    for workload in rendered.workloads:
        yield from _pod(workload)
        for container in workload.all_containers:
            where = f"{workload.where} {container['name']}"
            yield from _container(where, workload, container)
            yield from _image(where, container, by_digest=by_digest)
            yield from _resources(where, container)
        if workload.is_service:
            yield from _stopping(workload)
        if workload.definition["kind"] != "Job":
            yield from _probed(workload)


def amount(quantity: str) -> float:
    """A quantity as a number. Raises ValueError when it is none."""
    if not _QUANTITY.fullmatch(quantity):
        raise ValueError(f"{quantity!r} is no quantity")
    digits = quantity.rstrip("".join({letter for unit in _UNITS for letter in unit}))
    return float(digits) * _UNITS[quantity[len(digits) :]]


def _pod(workload: Workload) -> Iterator[Fault]:
    spec = workload.spec
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield Fault("restricted", workload.where, f"{field} shares the node")
    for volume in spec.get("volumes", []):
        if not _VOLUMES & set(volume):
            yield Fault("restricted", workload.where, f"volume {volume['name']} is of a kind that is not allowed")
    if spec.get("automountServiceAccountToken") is not False:
        yield Fault("token-mounted", workload.where, "automountServiceAccountToken is not false: it has no business with the API")
    if spec.get("enableServiceLinks") is not False:
        yield Fault("service-links", workload.where, "enableServiceLinks is not false: Services would become environment variables")


def _container(where: str, workload: Workload, container: Object) -> Iterator[Fault]:
    context: dict[str, Any] = {**workload.spec.get("securityContext", {}), **container.get("securityContext", {})}
    wanted: tuple[tuple[str, object], ...] = (
        ("runAsNonRoot", True),
        ("allowPrivilegeEscalation", False),
        ("readOnlyRootFilesystem", True),
        ("seccompProfile", {"type": "RuntimeDefault"}),
        ("capabilities", {"drop": ["ALL"]}),
    )
    for field, value in wanted:
        if context.get(field) != value:
            yield Fault("restricted", where, f"{field} is not {value}")
    if not context.get("runAsUser"):
        yield Fault("restricted", where, "runAsUser is not a number above 0")
    if context.get("privileged") or any("hostPort" in port for port in container.get("ports", [])):
        yield Fault("restricted", where, "is privileged, or takes a port of the node")


def _image(where: str, container: Object, *, by_digest: bool) -> Iterator[Fault]:
    image, has_digest, digest = container["image"].partition("@")
    tag = image.rsplit("/", 1)[-1].partition(":")[2]
    if has_digest and _DIGEST.fullmatch(digest):
        pass
    elif by_digest:
        yield Fault("image-by-tag", where, f"{container['image']}: here an image is named by its digest")
    elif not tag or _FLOATING.fullmatch(tag):
        yield Fault("floating-tag", where, f"{container['image']}: the tag may mean another image tomorrow")
    if container.get("imagePullPolicy") != "IfNotPresent":
        yield Fault("pull-policy", where, "imagePullPolicy is not IfNotPresent")


def _resources(where: str, container: Object) -> Iterator[Fault]:
    resources = container.get("resources", {})
    requests, limits = resources.get("requests", {}), resources.get("limits", {})
    for kind in (requests, limits):
        for what, quantity in kind.items():
            try:
                amount(str(quantity))
            except ValueError as error:
                yield Fault("quantity", where, f"{what}: {error}")
    if not requests.get("memory") or requests.get("memory") != limits.get("memory"):
        yield Fault("memory", where, "its memory request is not its limit")
    if "cpu" not in requests:
        yield Fault("cpu-request", where, "it asks for no CPU")
    if "cpu" in limits:
        yield Fault("cpu-limit", where, "its CPU is limited, and nobody measured that it must be")


def _stopping(workload: Workload) -> Iterator[Fault]:
    pause = workload.containers[0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    if not pause:
        yield Fault("pre-stop", workload.where, "nothing lets clients hear that it goes before it goes")
    if workload.spec.get("terminationGracePeriodSeconds", 30) <= pause + _DEFAULT_STOP_GRACE:
        yield Fault("grace-period", workload.where, "it is killed before calls in flight had their time to end")


def _probed(workload: Workload) -> Iterator[Fault]:
    container = workload.containers[0]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        if probe not in container:
            yield Fault("probe", workload.where, f"it has no {probe}")
    if workload.is_service:
        asked = {probe: container.get(probe, {}).get("grpc", {}).get("service") for probe in ("readinessProbe", "livenessProbe")}
        if asked != {"readinessProbe": "readiness", "livenessProbe": "liveness"}:
            yield Fault("probe", workload.where, "readiness asks `readiness` and liveness asks `liveness`, which knows no store")
