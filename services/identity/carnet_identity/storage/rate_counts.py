"""Counts who asks how often, over all processes by Redis, and by this process alone when Redis is lost: slower, never wider.

1. Each count is a number in Redis that ends with its window. What several calls count is added in one round trip.
2. The process remembers the greatest number it was told. One that is not greater than it is a Redis that forgot, was set back or lies.
3. What Redis did not count, this process counts alone, each for as many as there may be processes (`share`), on top of what it was told.

So a Redis that is gone, hung, full, flushed or forged low never gives anybody more than his rate and what was counted before it was lost;
one forged high refuses, which an emergency does not hear. What a process knows is forgotten with the window.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from carnet_platform.clock import Clock
from carnet_platform.envelope import mac
from carnet_platform.gathering import Gathering
from carnet_platform.keys import MasterKeys
from carnet_platform.redis import Losable
from redis.asyncio import Redis

from carnet_identity.domain.rate import Counted, Window

_PREFIX: Final = "identity:rate:"
_PATIENCE: Final = timedelta(milliseconds=100)


@dataclass(slots=True)
class _Known:
    """What this process knows of one count."""

    name: str
    """In Redis."""
    told: int = 0
    """The greatest number Redis gave."""
    alone: int = 0
    """What Redis did not count."""


class RateCounts:
    """The counts, in Redis and here."""

    def __init__(self, redis: Redis | None, keys: MasterKeys, clock: Clock, *, share: float) -> None:
        """Take the client, and which share of a rate this process may give by itself: one over the number of processes at most."""
        self._redis = Losable(redis, clock)
        self._name_key = keys.derive("rate-name")
        self._share = share
        self._known: dict[tuple[Window, int], dict[Counted, _Known]] = {}
        self._gathering = Gathering[tuple[Counted, ...], tuple[int, ...]](self._add_all)
        self._numbers = itertools.count()

    async def add(self, counted: Sequence[Counted]) -> tuple[int, ...]:
        """Counts one more of each; gives the numbers, as great as they may be at most."""
        return await self._gathering.ask(str(next(self._numbers)), tuple(counted))

    async def _add_all(self, asked: Mapping[str, tuple[Counted, ...]]) -> Mapping[str, tuple[int, ...]]:
        added = Counter(one for several in asked.values() for one in several)
        known = {one: self._of(one) for one in added}
        numbers = await self._in_redis({one: (known[one], more) for one, more in added.items()})
        # From what Redis counted before: those who ask together are counted one after the other.
        last = {one: number - added[one] for one, number in numbers.items()}
        answers = {}
        for key, several in asked.items():
            for one in several:
                _count(known[one], last, one)
            answers[key] = tuple(known[one].told + math.ceil(known[one].alone / self._share) for one in several)
        return answers

    async def _in_redis(self, added: Mapping[Counted, tuple[_Known, int]]) -> dict[Counted, int]:
        async def count(redis: Redis) -> list[int]:
            pipeline = redis.pipeline(transaction=False)
            for known, more in added.values():
                pipeline.incrby(known.name, more)
            for one, (known, _) in added.items():
                if not known.told:
                    # Twice the window, so that a store whose clock runs ahead does not forget within it.
                    pipeline.expire(known.name, 2 * one.window.value)
            return [int(answer) for answer in (await pipeline.execute())[: len(added)]]

        numbers = await self._redis.attempt(count, within=_PATIENCE)
        return {} if numbers is None else dict(zip(added, numbers, strict=True))

    def _of(self, one: Counted) -> _Known:
        window = (one.window, one.number)
        if window not in self._known:
            self._known = {other: known for other, known in self._known.items() if other[0] is not one.window}
            self._known[window] = {}
        known = self._known[window].get(one)
        if known is None:
            parts = (one.what, one.who, one.window.name, str(one.number))
            name = _PREFIX + mac(self._name_key, *(part.encode() for part in parts))[:16].hex()
            known = self._known[window][one] = _Known(name)
        return known


def _count(known: _Known, last: dict[Counted, int], one: Counted) -> None:
    """One more, in Redis if it says so and here otherwise."""
    if one in last:
        last[one] += 1
    if last.get(one, 0) > known.told:
        known.told = last[one]
    else:
        known.alone += 1
