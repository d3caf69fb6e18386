"""Everything that is rendered passes every check: overlays, and each combination of components over the base."""

import json
import subprocess
import sys

import pytest
import yaml
from carnet_dev.manifests.gate import faults
from carnet_dev.manifests.objects import Rendered, load
from manifests.kustomize import OVERLAYS, TAG, Kustomizations, choices, knowledge, outside
from manifests.schemas import KUBERNETES, OTHERS, Schemas
from support.tree import ROOT


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    return Schemas()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_without_fault(kustomizations: Kustomizations, schemas: Schemas, overlay: str) -> None:
    objects = kustomizations.overlay(overlay)
    assert schemas.faults(objects) + faults(objects, knowledge(overlay)) == []


@pytest.mark.parametrize("components", choices(), ids=lambda components: "+".join(components) or "base")
def test_a_combination_is_without_fault(kustomizations: Kustomizations, schemas: Schemas, components: tuple[str, ...]) -> None:
    objects = kustomizations.combination(components)
    assert schemas.faults(objects) + faults(objects, knowledge()) == []


def test_the_yaml_is_tidy() -> None:
    command = [sys.executable, "-m", "yamllint", "--strict", "--config-file", "k8s/.yamllint.yaml", "k8s"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_no_file_names_a_key_twice() -> None:
    for path in sorted((ROOT / "k8s").rglob("*.yaml")):
        load(path.read_text())


def test_the_base_holds_no_secret(kustomizations: Kustomizations) -> None:
    assert [one for one in kustomizations.combination(()) if one["kind"] == "Secret"] == []


def test_only_kind_has_secrets_of_its_own(kustomizations: Kustomizations) -> None:
    kinds = {overlay: {one["kind"] for one in kustomizations.overlay(overlay)} for overlay in OVERLAYS}
    assert ["Secret" in kinds[overlay] for overlay in ("kind", "production")] == [True, False]


def test_the_list_of_secrets_is_what_services_and_redis_mount(kustomizations: Kustomizations) -> None:
    rendered = Rendered(kustomizations.combination(("mail", "push")))
    mounted = {
        volume["secret"]["secretName"] for workload in rendered.workloads for volume in workload.spec["volumes"] if "secret" in volume
    }
    assert {name for name in mounted if not name.endswith("-certificate")} == set(outside())


def test_a_mail_server_and_a_push_gateway_are_components_that_may_be_left_out(kustomizations: Kustomizations, schemas: Schemas) -> None:
    objects = kustomizations.combination(("mail", "pki", "push"))
    assert schemas.faults(objects) + faults(objects, knowledge()) == []
    without = Rendered(kustomizations.combination(()))
    identity = next(workload for workload in without.workloads if workload.app == "identity")
    assert not any(word in json.dumps(identity.containers) for word in ("SMTP", "PUSH"))


def test_on_kind_our_images_have_the_tag_of_the_commit(kustomizations: Kustomizations) -> None:
    images = {
        container["image"] for workload in Rendered(kustomizations.overlay("kind")).workloads for container in workload.all_containers
    }
    ours = {image for image in images if image.startswith("carnet/")}
    assert {image.partition(":")[2] for image in ours} == {TAG}
    assert {image.partition(":")[0] for image in ours} == {
        f"carnet/{name}" for name in ("identity", "consent", "documents", "audit", "dev")
    }


def test_both_overlays_run_the_same_services_in_the_same_way(kustomizations: Kustomizations) -> None:
    """They differ in images, replicas, CPU, the development's identity provider, settings, mail, push, and in nothing else."""
    kind, production = (Rendered(kustomizations.overlay(overlay)) for overlay in ("kind", "production"))
    for service in ("identity", "consent", "documents", "audit"):
        assert _unchanging(kind, service) == _unchanging(production, service)


def test_one_version_of_kubernetes_is_meant_everywhere(kustomizations: Kustomizations) -> None:
    namespace = Rendered(kustomizations.overlay("production")).find("Namespace", "carnet")
    assert namespace is not None
    labels = namespace["metadata"]["labels"]
    for mode in ("enforce", "warn", "audit"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
        assert labels[f"pod-security.kubernetes.io/{mode}-version"] == f"v{KUBERNETES}"


def test_everything_is_in_the_namespace(kustomizations: Kustomizations) -> None:
    for overlay in OVERLAYS:
        objects = [one for one in kustomizations.overlay(overlay) if one["kind"] != "Namespace"]
        assert {one["metadata"].get("namespace") for one in objects} == {"carnet"}


def test_the_known_custom_resources_are_all_in_use(kustomizations: Kustomizations) -> None:
    rendered = {(one["apiVersion"], one["kind"]) for one in kustomizations.overlay("production")}
    assert rendered >= OTHERS


def test_the_kind_cluster_maps_the_node_ports_of_its_overlay(kustomizations: Kustomizations) -> None:
    node = yaml.safe_load((ROOT / "k8s" / "kind" / "cluster.yaml").read_text())["nodes"][0]
    services = Rendered(kustomizations.overlay("kind")).of("Service")
    opened = {port["nodePort"] for service in services for port in service["spec"]["ports"] if "nodePort" in port}
    assert {mapping["containerPort"] for mapping in node["extraPortMappings"]} == opened
    assert {mapping["listenAddress"] for mapping in node["extraPortMappings"]} == {"127.0.0.1"}


def _unchanging(rendered: Rendered, service: str) -> str:
    workload = next(workload for workload in rendered.workloads if workload.app == service)
    container = {key: value for key, value in workload.containers[0].items() if key not in {"image", "envFrom"}}
    container["volumeMounts"] = [mount for mount in container["volumeMounts"] if mount["name"] not in {"directory", "mail", "push"}]
    container["env"] = [variable for variable in container["env"] if not variable["name"].startswith(("CARNET_SMTP_", "CARNET_PUSH_"))]
    container["resources"] = {**container["resources"], "requests": {"memory": container["resources"]["requests"]["memory"]}}
    return json.dumps([container, workload.spec["securityContext"], workload.spec["terminationGracePeriodSeconds"]], sort_keys=True)
