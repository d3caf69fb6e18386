"""`--target=kind`: a cluster is found by what its deployment left behind, and what only this machine has is skipped with the reason."""

import json
from pathlib import Path

import pytest
from support.target import KIND, LOCAL, running_cluster, why_not

NEEDS = pytest.mark.this_machine("a process that it can suspend").mark


def test_what_needs_this_machine_is_skipped_on_a_cluster_alone_and_says_why() -> None:
    assert why_not(LOCAL, NEEDS) == ""
    assert why_not(KIND, None) == ""
    assert why_not(KIND, NEEDS) == "--target=kind cannot give what this test needs: a process that it can suspend"


def test_a_cluster_is_found_by_the_folder_of_its_deployment(tmp_path: Path) -> None:
    targets = {name: f"127.0.0.1:{port}" for name, port in (("identity", 1), ("consent", 2), ("documents", 3), ("audit", 4))}
    state = {"targets": targets, "health": {}, "issuer": "http://127.0.0.1:5", "pids": {}}
    (tmp_path / "run.json").write_text(json.dumps(state))
    found = running_cluster({"KIND_FOLDER": str(tmp_path)})
    assert (vars(found.targets), found.issuer, found.folder) == (targets, "http://127.0.0.1:5", tmp_path)


def test_where_nothing_was_deployed_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"no run\.json in .*: make kind-up kind-load deploy"):
        running_cluster({"KIND_FOLDER": str(tmp_path)})
