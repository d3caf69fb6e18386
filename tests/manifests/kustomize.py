"""Rendering kustomizations as `kubectl apply -k` would, from a copy of k8s/ that has throwaway secrets."""

import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, combinations
from pathlib import Path

from carnet_dev.cluster.made import Made
from carnet_dev.manifests.contents import Outside, read_outside
from carnet_dev.manifests.gate import Knowledge
from carnet_dev.manifests.objects import Object, load
from carnet_dev.manifests.table import Callers
from manifests.judge import judge
from support.tree import ROOT

OVERLAYS = ("kind", "production")
OPTIONS = ("network-policies", "hpa", "tracing", "smoke")
CERTIFICATES = ("pki", "development-certificates", "")
KUBECTL = Path(sys.executable).with_name("kubectl")
TAG = "0123abc"


def choices() -> list[tuple[str, ...]]:
    """Every combination of components over the base; certificates come one way, or the other, or from outside."""
    subsets = chain.from_iterable(combinations(OPTIONS, size) for size in range(len(OPTIONS) + 1))
    return [(*subset, *([certificates] if certificates else [])) for subset in subsets for certificates in CERTIFICATES]


@dataclass
class Kustomizations:
    """The copy, and what was rendered from it so far."""

    folder: Path
    _rendered: dict[str, str] = field(default_factory=dict)

    @classmethod
    def copy(cls, folder: Path) -> "Kustomizations":
        """A copy of k8s/ in `folder`, with secrets of its own."""
        shutil.copytree(ROOT / "k8s", folder / "k8s", ignore=shutil.ignore_patterns("made"))
        Made(folder / "kept").lay_out(folder / "k8s", TAG)
        return cls(folder / "k8s")

    def overlay(self, name: str) -> list[Object]:
        """What an overlay renders."""
        return load(self._build(f"overlays/{name}"))

    def combination(self, components: tuple[str, ...]) -> list[Object]:
        """What the base renders with these components."""
        name = "-and-".join(components) or "nothing-more"
        folder = self.folder / "combinations" / name
        if not folder.exists():
            folder.mkdir(parents=True)
            lines = ["namespace: carnet", "resources: [../../base]", "components:", *(f"  - ../../components/{one}" for one in components)]
            (folder / "kustomization.yaml").write_text("\n".join(lines if components else lines[:-1]))
        return load(self._build(f"combinations/{name}"))

    def _build(self, path: str) -> str:
        if path not in self._rendered:
            command = [str(KUBECTL), "kustomize", str(self.folder / path)]
            built = subprocess.run(command, capture_output=True, text=True, check=False)
            assert built.returncode == 0, built.stderr
            self._rendered[path] = built.stdout
        return self._rendered[path]


def outside() -> Outside:
    """The Secrets that operators give."""
    return read_outside(ROOT / "k8s" / "secrets.yaml")


@cache
def knowledge(overlay: str = "") -> Knowledge:
    """What the rendered objects of an overlay, or of a combination over the base, are compared with."""
    callers = Callers.read(ROOT / "proto" / "callers.toml")
    if overlay == "kind":
        return Knowledge(callers, outside(), judge, is_whole=True)
    if overlay == "production":
        return Knowledge(callers, outside(), judge, is_by_digest=True)
    names = (*callers.services, "smoke")
    certificates = {f"{name}-certificate": frozenset({"tls.key", "tls.crt", "ca.crt"}) for name in names}
    return Knowledge(callers, {**outside(), **certificates}, judge)
