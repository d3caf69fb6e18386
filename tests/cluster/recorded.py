"""What kubectl prints, by hand after the API's reference (core/v1 Pod, apps/v1 Deployment): no more of it than a test needs."""

import json
from typing import Any


def pod(name: str, uid: str, *, ready: str = "True", restarts: tuple[int, ...] = (0,), deleted: str = "") -> dict[str, Any]:
    """A pod of two or fewer containers. `ready` is the status of its condition: True, False or Unknown."""
    metadata = {"name": name, "namespace": "carnet", "uid": uid, "labels": {"carnet/role": "service"}}
    if deleted:
        metadata |= {"deletionTimestamp": deleted, "deletionGracePeriodSeconds": 45}  # type: ignore[dict-item]
    conditions = [
        {"type": "PodReadyToStartContainers", "status": "True"},
        {"type": "Initialized", "status": "True"},
        {"type": "Ready", "status": ready, "lastTransitionTime": "2026-11-22T10:00:00Z"},
        {"type": "ContainersReady", "status": ready},
        {"type": "PodScheduled", "status": "True"},
    ]
    names = ("service", "identity-provider")
    containers = [
        {"name": container, "ready": ready == "True", "restartCount": count, "started": True, "state": {"running": {}}}
        for container, count in zip(names, restarts, strict=False)
    ]
    init = [{"name": "keys", "ready": True, "restartCount": 7, "state": {"terminated": {"exitCode": 0}}}]
    status = {"phase": "Running", "conditions": conditions, "initContainerStatuses": init, "containerStatuses": containers}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {}, "status": status}


def unscheduled_pod(name: str, uid: str) -> dict[str, Any]:
    """A pod that no node has yet: the API leaves out what there is not."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "uid": uid}, "spec": {}, "status": {"phase": "Pending"}}


def listed(*items: dict[str, Any]) -> str:
    """`kubectl get pods --output json`."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": list(items)}, indent=4)


def deployment(name: str, wanted: int) -> str:
    """`kubectl get deployment/name --output json`, while its pods are being replaced: the status tells other numbers."""
    status = {"observedGeneration": 4, "replicas": wanted + 1, "updatedReplicas": 1, "readyReplicas": wanted, "availableReplicas": wanted}
    metadata = {"name": name, "namespace": "carnet", "generation": 5}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"replicas": wanted}, "status": status})


def line(method: str, status: str = "OK") -> str:
    """An access line of a service."""
    said = {"method": method, "caller": "spiffe://carnet/software/gp", "status": status, "reason": "", "milliseconds": 12.5}
    return json.dumps(said | {"event": "served", "service": "documents", "level": "info", "timestamp": "2026-11-22T10:00:00.000001Z"})
