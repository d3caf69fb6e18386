"""The API's own schemas: each object is what the pinned version of Kubernetes takes, nothing more, or one of the few known others."""

import json

from carnet_dev.manifests.objects import Fault, Object, name

KUBERNETES = "1.36"
"""The version of the node image and of the pod security labels."""
OTHERS = {
    ("cert-manager.io/v1", "Certificate"),
    ("cert-manager.io/v1", "Issuer"),
    ("gateway.networking.k8s.io/v1", "Gateway"),
    ("gateway.networking.k8s.io/v1", "TLSRoute"),
}
"""Custom resources, which no schema of Kubernetes knows."""


class Schemas:
    """Validates each object once, however many combinations render it."""

    def __init__(self) -> None:
        self._known: dict[str, list[Fault]] = {}

    def faults(self, objects: list[Object]) -> list[Fault]:
        """What is no object of the API."""
        return [fault for one in objects for fault in self._one(one)]

    def _one(self, one: Object) -> list[Fault]:
        text = json.dumps(one, sort_keys=True)
        if text not in self._known:
            self._known[text] = validate(one)
        return self._known[text]


def validate(one: Object) -> list[Fault]:
    """What is wrong with one object, by its schema."""
    if (one.get("apiVersion"), one.get("kind")) in OTHERS:
        return []
    # A second of reading grammars that only whoever validates need spend, and not every worker that collects tests.
    import kubernetes_validate  # type: ignore[import-untyped]  # noqa: PLC0415  # ships no types

    try:
        kubernetes_validate.validate(one, KUBERNETES, strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        return [Fault("unknown-api", name(one), f"Kubernetes {KUBERNETES} knows no {one.get('apiVersion')} {one.get('kind')}")]
    except kubernetes_validate.ValidationError as error:
        return [Fault("schema", name(one), f"{'.'.join(str(part) for part in error.path)}: {error.message}")]
    return []
