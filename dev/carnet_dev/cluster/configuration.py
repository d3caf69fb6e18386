"""The configuration of the kind cluster: k8s/kind/cluster.yaml, and what some machines need beside it."""

from pathlib import Path
from typing import Any

import yaml

# Where a container engine itself runs in a container, nobody may lower a process's score for the out-of-memory killer.
_RESTRICT_OOM_SCORE = '[plugins."io.containerd.grpc.v1.cri"]\n  restrict_oom_score_adj = true\n'
# From Kubernetes 1.35 on, the kubelet refuses to start on cgroup v1 unless told not to.
_ALLOW_CGROUP_V1 = "kind: KubeletConfiguration\napiVersion: kubelet.config.k8s.io/v1beta1\nfailCgroupV1: false\n"


def configuration(file: Path, *, restrict_oom_score: bool, allow_cgroup_v1: bool) -> str:
    """The YAML that `kind create cluster --config` takes."""
    cluster: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    if restrict_oom_score:
        cluster["containerdConfigPatches"] = [_RESTRICT_OOM_SCORE]
    if allow_cgroup_v1:
        cluster["kubeadmConfigPatches"] = [_ALLOW_CGROUP_V1]
    text: str = yaml.safe_dump(cluster, sort_keys=False)
    return text
