"""Network policies, followed as a cluster follows them, and compared with the table of callers.

A connection passes when the policies of both ends let it: an end that no policy of that direction takes in lets everything pass.
Asked are every pair of pods that are rendered, and pods that could be: one of each group of callers, one behind the edge, a stranger.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network

from carnet_dev.manifests.environment import reached
from carnet_dev.manifests.objects import Fault, Object, Rendered, Workload, selects
from carnet_dev.manifests.references import ports
from carnet_dev.manifests.table import Callers

_PODS = IPv4Network("10.244.0.0/16")  # the addresses of pods on kind; another private network elsewhere
_HOME = {"kubernetes.io/metadata.name": "carnet"}
_EDGE = {"kubernetes.io/metadata.name": "edge", "carnet/edge": "true"}
_DEFAULT_DENY = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@dataclass(frozen=True)
class End:
    """One end of a connection."""

    where: str
    labels: Mapping[str, str]
    namespace: Mapping[str, str]
    """Labels of its namespace."""
    ports: Mapping[str, int]

    @property
    def is_home(self) -> bool:
        """Whether our policies are about it."""
        return self.namespace == _HOME


def check(rendered: Rendered, callers: Callers) -> Iterator[Fault]:
    """Every connection that passes and must not, or must and does not. Nothing when there are no policies at all."""
    policies = rendered.of("NetworkPolicy")
    if not policies:
        return
    if not any(policy["spec"] == _DEFAULT_DENY for policy in policies):
        yield Fault("default-deny", "NetworkPolicy", "none refuses everything in both directions")
    ends = {workload.where: _end(workload) for workload in rendered.workloads}
    services = [workload for workload in rendered.workloads if workload.is_service]
    for callee in services:
        for group, caller in _askers(callers, list(rendered.workloads)):
            yield from _call(policies, callers, group, caller, ends[callee.where])
        if not passes(policies, _STRANGER, ends[callee.where], ends[callee.where].ports["health"], is_coming_in_only=True):
            yield Fault("health-port", callee.where, "its probes are refused")
    for workload in rendered.workloads:
        yield from _addresses(rendered, policies, ends, workload)


def passes(policies: list[Object], start: End, end: End, port: int, *, is_coming_in_only: bool = False) -> bool:
    """Whether a TCP connection from one end to a port of the other passes."""
    goes_out = is_coming_in_only or not start.is_home or _lets(policies, "Egress", start, end, end, port)
    return goes_out and (not end.is_home or _lets(policies, "Ingress", end, start, end, port))


_STRANGER = End("a stranger", {}, _HOME, {})


def _end(workload: Workload) -> End:
    return End(workload.where, workload.labels, _HOME, ports(workload))


def _askers(callers: Callers, workloads: list[Workload]) -> Iterator[tuple[str, End]]:
    """Whoever could call, with the group of the table that it belongs to: empty for none."""
    for workload in workloads:
        group = workload.app if workload.is_service else workload.labels.get("carnet/caller", "")
        yield group, _end(workload)
    for outsider in callers.outsiders:
        yield outsider, End(f"a pod with carnet/caller={outsider}", {"carnet/caller": outsider}, _HOME, {})
    yield "", _STRANGER
    yield "", End("a pod of another namespace", {}, {"kubernetes.io/metadata.name": "other"}, {})
    yield "*", End("the edge", {}, _EDGE, {})


def _call(policies: list[Object], callers: Callers, group: str, caller: End, callee: End) -> Iterator[Fault]:
    name = callee.where.partition("/")[2]
    is_allowed = any(callers.allows(one, name) for one in callers.outsiders) if group == "*" else callers.allows(group, name)
    does_pass = passes(policies, caller, callee, callee.ports["grpc"])
    if does_pass and not is_allowed:
        yield Fault("policy-too-wide", callee.where, f"{caller.where} reaches it, and the table of callers does not say so")
    if is_allowed and not does_pass:
        yield Fault("policy-too-narrow", callee.where, f"{caller.where} may call it by the table, and does not reach it")


def _addresses(rendered: Rendered, policies: list[Object], ends: Mapping[str, End], workload: Workload) -> Iterator[Fault]:
    """What a pod is told to connect to, it must reach."""
    for host, port in sorted(reached(rendered, workload)):
        service = rendered.find("Service", host)
        selector = (service or {}).get("spec", {}).get("selector", {})
        for other in rendered.workloads:
            if selects({"matchLabels": selector}, other.labels) and not passes(policies, ends[workload.where], ends[other.where], port):
                yield Fault("policy-too-narrow", other.where, f"{workload.where} is told of {host}:{port}, and does not reach it")


def _lets(policies: list[Object], direction: str, owner: End, peer: End, end: End, port: int) -> bool:
    """Whether the policies of `owner` in that direction let `peer` pass to `port` of `end`."""
    about = [policy["spec"] for policy in policies if _is_about(policy["spec"], direction, owner)]
    if not about:
        return True
    key, whom = ("egress", "to") if direction == "Egress" else ("ingress", "from")
    return any(_is_peer(rule.get(whom), peer) and _is_port(rule.get("ports"), end, port) for spec in about for rule in spec.get(key) or [])


def _is_about(spec: Object, direction: str, owner: End) -> bool:
    return direction in spec["policyTypes"] and selects(spec["podSelector"], owner.labels)


def _is_peer(peers: list[Object] | None, peer: End) -> bool:
    if not peers:
        return True
    return any(_matches(one, peer) for one in peers)


def _matches(one: Object, peer: End) -> bool:
    """Pods are known by labels, and by an address of the pods' network, which a block takes in whole or not at all."""
    if "ipBlock" in one:
        block = one["ipBlock"]
        return _takes_in_pods(block["cidr"]) and not any(_takes_in_pods(kept_out) for kept_out in block.get("except", []))
    namespace = one.get("namespaceSelector")
    is_there = peer.is_home if namespace is None else selects(namespace, peer.namespace)
    return is_there and selects(one.get("podSelector", {}), peer.labels)


def _takes_in_pods(cidr: str) -> bool:
    network = ip_network(cidr)
    return isinstance(network, IPv4Network) and _PODS.subnet_of(network)


def _is_port(allowed: list[Object] | None, end: End, port: int) -> bool:
    if not allowed:
        return True
    for one in allowed:
        first: int | None = end.ports.get(one["port"]) if isinstance(one["port"], str) else one["port"]
        if one.get("protocol", "TCP") == "TCP" and first is not None and first <= port <= one.get("endPort", first):
            return True
    return False
