"""Names that must meet: selectors and labels, Services and ports, probes, targets of autoscalers and budgets, accounts.

Kubernetes takes each of these when it is wrong, and nothing works.
"""

from collections.abc import Iterator

from carnet_dev.manifests.objects import Fault, Object, Rendered, Workload, name, selects

_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def check(rendered: Rendered) -> Iterator[Fault]:
    """Every name that meets nothing."""
    yield from _duplicates(rendered)
    for workload in rendered.workloads:
        yield from _own_selector(workload)
        yield from _account(rendered, workload)
        yield from _probes(workload)
    for service in rendered.of("Service"):
        yield from _service(rendered, service)
    for budget in rendered.of("PodDisruptionBudget"):
        if not any(selects(budget["spec"]["selector"], workload.labels) for workload in rendered.workloads):
            yield Fault("disruption-budget", name(budget), "its selector takes in no pod")
    for autoscaler in rendered.of("HorizontalPodAutoscaler"):
        yield from _autoscaler(rendered, autoscaler)
    for route in rendered.of("TLSRoute"):
        yield from _route(rendered, route)


def ports(workload: Workload) -> dict[str, int]:
    """The ports of a pod by name."""
    return {port.get("name", ""): port["containerPort"] for container in workload.containers for port in container.get("ports", [])}


def _duplicates(rendered: Rendered) -> Iterator[Fault]:
    seen: set[str] = set()
    for one in rendered.objects:
        if name(one) in seen:
            yield Fault("duplicate-object", name(one), "is rendered twice")
        seen.add(name(one))


def _own_selector(workload: Workload) -> Iterator[Fault]:
    spec = workload.definition["spec"]
    if "selector" in spec and not selects(spec["selector"], workload.labels):
        yield Fault("selector", workload.where, "its selector does not take in its own pods")
    for spread in workload.spec.get("topologySpreadConstraints", []):
        if not selects(spread["labelSelector"], workload.labels):
            yield Fault("selector", workload.where, "its topology spread does not take in its own pods")


def _account(rendered: Rendered, workload: Workload) -> Iterator[Fault]:
    account = workload.spec.get("serviceAccountName", "default")
    if rendered.find("ServiceAccount", account) is None:
        yield Fault("service-account", workload.where, f"there is no ServiceAccount {account}")


def _probes(workload: Workload) -> Iterator[Fault]:
    known = ports(workload)
    for container in workload.containers:
        for kind in _PROBES:
            probe = container.get(kind, {})
            for way in ("grpc", "httpGet", "tcpSocket"):
                port = probe.get(way, {}).get("port")
                if port is not None and port not in known and port not in known.values():
                    yield Fault("probe-port", workload.where, f"{kind} asks port {port}, which {container['name']} does not have")


def _service(rendered: Rendered, service: Object) -> Iterator[Fault]:
    spec = service["spec"]
    behind = [workload for workload in rendered.workloads if selects({"matchLabels": spec["selector"]}, workload.labels)]
    if not behind:
        yield Fault("service-selector", name(service), "its selector takes in no pod")
    for port in spec["ports"]:
        target = port.get("targetPort", port["port"])
        for workload in behind:
            known = ports(workload)
            if target not in known and target not in known.values():
                yield Fault("service-port", name(service), f"its target port {target} is not a port of {workload.where}")


def _autoscaler(rendered: Rendered, autoscaler: Object) -> Iterator[Fault]:
    target = autoscaler["spec"]["scaleTargetRef"]
    found = rendered.find(target["kind"], target["name"])
    if found is None:
        yield Fault("autoscaler-target", name(autoscaler), f"there is no {target['kind']}/{target['name']}")
        return
    if "replicas" in found["spec"]:
        yield Fault("autoscaler-replicas", name(found), "states replicas, and an autoscaler decides about them")
    for container in found["spec"]["template"]["spec"]["containers"]:
        if "cpu" not in container.get("resources", {}).get("requests", {}):
            yield Fault("autoscaler-cpu", name(found), f"{container['name']} asks for no CPU: there is nothing to measure a share of")


def _route(rendered: Rendered, route: Object) -> Iterator[Fault]:
    for rule in route["spec"]["rules"]:
        for backend in rule["backendRefs"]:
            service = rendered.find("Service", backend["name"])
            if service is None or backend["port"] not in [port["port"] for port in service["spec"]["ports"]]:
                yield Fault("route-backend", name(route), f"there is no Service {backend['name']} with port {backend['port']}")
    for parent in route["spec"]["parentRefs"]:
        if rendered.find("Gateway", parent["name"]) is None:
            yield Fault("route-gateway", name(route), f"there is no Gateway {parent['name']}")
