"""What every service has on a cluster, and what its stores are: the promises of docs/operations/kind.md that no other check makes."""

from typing import Any

import pytest
from carnet_dev.cluster.made import MEMBERS
from carnet_dev.manifests.objects import Object, Rendered
from carnet_dev.plan import HEALTH_OFFSET, SERVICES, Service
from manifests.kustomize import OVERLAYS, Kustomizations

pytestmark = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)


def spec(rendered: Rendered, kind: str, name: str) -> Object:
    found = rendered.find(kind, name)
    assert found is not None, f"{kind}/{name}"
    return dict(found["spec"])


@pytest.fixture(params=OVERLAYS)
def rendered(request: pytest.FixtureRequest, kustomizations: Kustomizations) -> Rendered:
    return Rendered(kustomizations.overlay(request.param))


def test_its_ports_are_those_of_the_plan(rendered: Rendered, service: Service) -> None:
    container = spec(rendered, "Deployment", service.name)["template"]["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": service.port, "health": service.port + HEALTH_OFFSET}
    assert container["livenessProbe"]["grpc"]["port"] == service.port + HEALTH_OFFSET


def test_callers_inside_see_each_of_its_pods(rendered: Rendered, service: Service) -> None:
    assert spec(rendered, "Service", service.name)["clusterIP"] == "None"
    settings = [one["data"] for one in rendered.of("ConfigMap") if "CARNET_LISTEN" in one["data"]]
    targets = {data[f"CARNET_{service.name.upper()}_TARGET"] for data in settings if f"CARNET_{service.name.upper()}_TARGET" in data}
    assert targets <= {f"dns:///{service.name}:{service.port}"}


def test_it_is_replaced_pod_by_pod_and_spread_over_nodes(rendered: Rendered, service: Service) -> None:
    deployment = spec(rendered, "Deployment", service.name)
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert deployment["template"]["spec"]["topologySpreadConstraints"][0]["topologyKey"] == "kubernetes.io/hostname"
    budget = spec(rendered, "PodDisruptionBudget", service.name)
    assert (budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")


def test_it_has_as_many_workers_as_it_asks_for_processors(rendered: Rendered, service: Service) -> None:
    container = spec(rendered, "Deployment", service.name)["template"]["spec"]["containers"][0]
    workers = next(one for one in container["env"] if one["name"] == "CARNET_WORKERS")
    assert workers["valueFrom"]["resourceFieldRef"] == {"resource": "requests.cpu", "divisor": "1"}


def test_in_production_it_grows_at_once_and_shrinks_slowly(kustomizations: Kustomizations, service: Service) -> None:
    production = Rendered(kustomizations.overlay("production"))
    autoscaler: dict[str, Any] = spec(production, "HorizontalPodAutoscaler", service.name)
    assert autoscaler["minReplicas"] >= 2
    assert (
        autoscaler["behavior"]["scaleDown"]["stabilizationWindowSeconds"] > autoscaler["behavior"]["scaleUp"]["stabilizationWindowSeconds"]
    )


def test_in_production_its_certificate_has_the_name_of_its_route(kustomizations: Kustomizations, service: Service) -> None:
    production = Rendered(kustomizations.overlay("production"))
    hostnames = spec(production, "TLSRoute", service.name)["hostnames"]
    assert set(hostnames) <= set(spec(production, "Certificate", service.name)["dnsNames"])


def test_on_kind_its_databases_have_one_user_each(kustomizations: Kustomizations, service: Service) -> None:
    kind = Rendered(kustomizations.overlay("kind"))
    users = next(one["data"] for one in kind.of("Secret") if one["metadata"]["name"].startswith("mongodb-users"))
    assert set(service.databases.values()) <= set(users)
    arguments = spec(kind, "Job", "mongodb-initialise")["template"]["spec"]["containers"][0]["args"]
    assert [argument.partition("=")[2] for argument in arguments if argument.startswith("--member=")] == list(MEMBERS)
    assert spec(kind, "StatefulSet", "mongodb")["replicas"] == len(MEMBERS)
