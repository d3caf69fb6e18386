"""Rendered manifests as the checks see them: objects by kind and name, and everything that makes pods."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

Object = dict[str, Any]
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job")


@dataclass(frozen=True, order=True)
class Fault:
    """What is wrong: the rule it breaks, the object, and the particulars."""

    rule: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}: {self.what}"


class DuplicateKeyError(Exception):
    """A mapping names one key twice: every reader takes another one for the right one."""


class _StrictLoader(yaml.CSafeLoader):
    """Refuses what YAML forbids and its readers let pass."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002  # PyYAML's own
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise DuplicateKeyError(f"line {key_node.start_mark.line + 1}: {key} is given twice")
            seen.add(key)
        return super().construct_mapping(node, deep)


def load(text: str) -> list[Object]:
    """Every object of a stream of YAML documents. Raises DuplicateKeyError."""
    return [document for document in yaml.load_all(text, Loader=_StrictLoader) if document]  # a safe loader


def name(one: Object) -> str:
    """The object as people say it: `Deployment/identity`."""
    return f"{one.get('kind', '?')}/{one.get('metadata', {}).get('name', '?')}"


@dataclass(frozen=True)
class Workload:
    """Something that makes pods."""

    where: str
    labels: Mapping[str, str]
    """Of its pods."""
    spec: Object
    """Of its pods."""
    definition: Object
    """The object itself."""

    @property
    def containers(self) -> list[Object]:
        """Those that run as long as the pod."""
        return list(self.spec.get("containers", []))

    @property
    def all_containers(self) -> list[Object]:
        """And those that come before."""
        return [*self.spec.get("initContainers", []), *self.containers]

    @property
    def app(self) -> str:
        """The name its pods go by."""
        return self.labels.get("app.kubernetes.io/name", "")

    @property
    def is_service(self) -> bool:
        """Whether it is one of the services of Carnet."""
        return self.labels.get("carnet/role") == "service"


class Rendered:
    """What one kustomization renders."""

    def __init__(self, objects: list[Object]) -> None:
        self.objects = objects

    def of(self, kind: str) -> list[Object]:
        """Every object of a kind."""
        return [one for one in self.objects if one.get("kind") == kind]

    def find(self, kind: str, called: str) -> Object | None:
        """The object of that kind and name."""
        return next((one for one in self.of(kind) if one["metadata"]["name"] == called), None)

    @property
    def workloads(self) -> Iterator[Workload]:
        """Everything that makes pods."""
        for kind in _WORKLOADS:
            for one in self.of(kind):
                template = one["spec"]["template"]
                yield Workload(name(one), template.get("metadata", {}).get("labels", {}), template["spec"], one)


def selects(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether a label selector (matchLabels and matchExpressions) takes in these labels; an empty one takes in everything."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(_holds(expression, labels) for expression in selector.get("matchExpressions", []))


def _holds(expression: Object, labels: Mapping[str, str]) -> bool:
    found, values = labels.get(expression["key"]), expression.get("values", [])
    held = {
        "In": found in values,
        "NotIn": found not in values,
        "Exists": found is not None,
        "DoesNotExist": found is None,
    }
    return held[expression["operator"]]
