"""All checks of rendered manifests in one call."""

from dataclasses import dataclass

from carnet_dev.manifests import certificates, contents, environment, pods, policies, references
from carnet_dev.manifests.objects import Fault, Object, Rendered
from carnet_dev.manifests.table import Callers


@dataclass(frozen=True)
class Knowledge:
    """What the checks compare with."""

    callers: Callers
    outside: contents.Outside
    """Secrets that are listed as coming from outside, with their keys."""
    judge: environment.Judge
    is_whole: bool = False
    """Whether every Secret must be rendered, those of the list too."""
    is_by_digest: bool = False
    """Whether images are named by digest."""


def faults(objects: list[Object], knowledge: Knowledge) -> list[Fault]:
    """Everything wrong with what one kustomization renders, sorted."""
    rendered = Rendered(objects)
    outside = {} if knowledge.is_whole else knowledge.outside
    found = [
        *references.check(rendered),
        *contents.check(rendered, outside, knowledge.outside),
        *pods.check(rendered, by_digest=knowledge.is_by_digest),
        *environment.check(rendered, outside, knowledge.judge),
        *policies.check(rendered, knowledge.callers),
        *certificates.check(rendered, knowledge.callers),
    ]
    return sorted(set(found))
