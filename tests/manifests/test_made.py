"""What kind needs and the repository must not hold is made once, kept, closed to others, and found by clients outside."""

import stat
from pathlib import Path

import yaml
from carnet_dev.cluster.configuration import configuration
from carnet_dev.cluster.made import HOST_PORTS, Made
from carnet_dev.local_run import LocalRun
from carnet_dev.manifests.objects import Rendered
from manifests.kustomize import Kustomizations
from support.tree import ROOT, files

PORT_MAPPINGS = "extraPortMappings"


def laid_out(folder: Path, tag: str = "0123abc") -> dict[str, bytes]:
    Made(folder / "kept").lay_out(folder / "k8s", tag)
    return {str(path.relative_to(folder)): path.read_bytes() for path in (folder / "k8s").rglob("*") if path.is_file()}


def test_a_second_time_finds_the_secrets_of_the_first(tmp_path: Path) -> None:
    assert laid_out(tmp_path) == laid_out(tmp_path)


def test_two_clusters_share_no_secret(tmp_path: Path) -> None:
    first, second = laid_out(tmp_path / "one"), laid_out(tmp_path / "two")
    assert {path for path in first if first[path] == second[path]} == {
        "k8s/overlays/kind/made/directory.json",
        "k8s/overlays/kind/made/kustomization.yaml",
    }


def test_what_is_secret_is_closed_to_others(tmp_path: Path) -> None:
    laid_out(tmp_path)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "k8s").rglob("*") if path.is_file()}
    assert modes == {0o600}


def test_git_sees_nothing_of_it() -> None:
    assert [path for path in files() if "made" in path.relative_to(ROOT).parts and path.is_relative_to(ROOT / "k8s")] == []


def test_clients_outside_find_the_cluster_as_they_find_a_local_run(tmp_path: Path) -> None:
    laid_out(tmp_path)
    run = LocalRun.find(tmp_path / "kept")
    assert run.targets.documents == f"127.0.0.1:{HOST_PORTS['documents']}"
    assert (run.certificate_folder("software/gp") / "cert.pem").exists()


def test_the_ports_of_clients_are_those_the_cluster_maps() -> None:
    cluster = yaml.safe_load((ROOT / "k8s" / "kind" / "cluster.yaml").read_text())
    mapped = {mapping["hostPort"] for node in cluster["nodes"] for mapping in node[PORT_MAPPINGS]}
    assert mapped == set(HOST_PORTS.values()) - {HOST_PORTS["identity-provider"]}


def test_the_identity_provider_has_one_name_inside_and_outside(kustomizations: Kustomizations, tmp_path: Path) -> None:
    laid_out(tmp_path)
    rendered = Rendered(kustomizations.overlay("kind"))
    identity = next(workload for workload in rendered.workloads if workload.app == "identity")
    arguments = next(container["args"] for container in identity.containers if container["name"] == "identity-provider")
    issuer = LocalRun.find(tmp_path / "kept").issuer
    assert f"--port={issuer.rpartition(':')[2]}" in arguments
    settings = next(one["data"] for one in rendered.of("ConfigMap") if one["metadata"]["name"].startswith("identity-settings"))
    assert settings["CARNET_PATIENT_ISSUERS"] == settings["CARNET_PROFESSIONAL_ISSUERS"] == f'["{issuer}"]'


def test_a_cluster_is_configured_for_machines_that_need_it() -> None:
    file = ROOT / "k8s" / "kind" / "cluster.yaml"
    usual = yaml.safe_load(configuration(file, restrict_oom_score=False, allow_cgroup_v1=False))
    assert usual == yaml.safe_load(file.read_text())
    special = yaml.safe_load(configuration(file, restrict_oom_score=True, allow_cgroup_v1=True))
    assert "restrict_oom_score_adj = true" in special["containerdConfigPatches"][0]
    assert yaml.safe_load(special["kubeadmConfigPatches"][0])["failCgroupV1"] is False
