"""Network policies and certificates are what the table of callers says, and the table is read as services read it."""

from pathlib import Path

import pytest
from carnet_dev.manifests.objects import load
from carnet_dev.manifests.render import CLIENTS_INSIDE, certificates, policies, rendered, stale
from carnet_dev.manifests.table import Callers, Edge
from carnet_dev.plan import SERVICES
from carnet_platform.callers import CallerTable
from support.tree import ROOT

TABLE = ROOT / "proto" / "callers.toml"


@pytest.fixture(scope="module")
def callers() -> Callers:
    return Callers.read(TABLE)


def test_what_is_rendered_is_not_stale(callers: Callers) -> None:
    assert stale(callers, ROOT / "k8s") == []


def test_a_file_that_is_not_what_the_table_says_is_stale(callers: Callers, tmp_path: Path) -> None:
    for path, text in rendered(callers, tmp_path).items():
        path.parent.mkdir(parents=True)
        path.write_text(text)
    assert stale(callers, tmp_path) == []
    fewer = Callers(callers.edges - {Edge("audit", "consent")})
    assert [path.name for path in stale(fewer, tmp_path)] == ["callers.yaml"]


def test_the_table_is_read_as_services_read_it(callers: Callers) -> None:
    read = CallerTable.load(TABLE).edges()
    assert callers.edges == {
        Edge(caller.removeprefix("spiffe://carnet/").split("/")[0], service.split(".")[1])
        for caller, service, _ in read
        if not service.startswith("carnet.common.")  # contracts between services, served by none of this name
    }


def test_each_edge_has_a_policy_at_either_end(callers: Callers) -> None:
    names = {one["metadata"]["name"] for one in load(policies(callers))}
    wanted = {f"{edge.caller}-calls-{edge.callee}" for edge in callers.edges}
    assert names == wanted | {f"{edge.callee}-serves-{edge.caller}" for edge in callers.edges}


def test_each_service_of_the_table_runs_and_has_one_certificate(callers: Callers) -> None:
    assert callers.services == sorted(service.name for service in SERVICES)
    uris = [one["spec"]["uris"] for one in load(certificates(callers))]
    assert uris == [[f"spiffe://carnet/{name}"] for name in (*callers.services, *CLIENTS_INSIDE)]


def test_a_caller_of_another_domain_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "callers.toml"
    table.write_text('["carnet.audit.v1.AuditService"]\n"spiffe://elsewhere/consent" = "alone"\n')
    with pytest.raises(ValueError, match="spiffe://elsewhere/consent"):
        Callers.read(table)
