"""What recorded events came from: the spans of the sampled calls that appended them, kept until the events are shipped.

In memory and bounded: a link is a help, never a promise. What another process ships, after this one died or simply first, is found by the
trace id in the event.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Final, Generic, TypeVar

from carnet_platform.telemetry.steps import Origin, Step

KEPT: Final = 1024
KeyT = TypeVar("KeyT", bound=Hashable)


class Origins(Generic[KeyT]):
    """The spans that caused what has these keys."""

    def __init__(self) -> None:
        self._origins: OrderedDict[KeyT, Origin] = OrderedDict()

    def note(self, key: KeyT, step: Step | None) -> None:
        """Remember where the thing of this key came from, if that was traced; the oldest is forgotten for it."""
        if step is None:
            return
        self._origins[key] = step.origin
        if len(self._origins) > KEPT:
            self._origins.popitem(last=False)

    def of(self, keys: Iterable[KeyT]) -> list[Origin]:
        """Where the things of these keys came from, as far as known."""
        if not self._origins:
            return []
        return [self._origins[key] for key in keys if key in self._origins]

    def forget(self, keys: Iterable[KeyT]) -> None:
        """They have been shipped."""
        if self._origins:
            for key in keys:
                self._origins.pop(key, None)
