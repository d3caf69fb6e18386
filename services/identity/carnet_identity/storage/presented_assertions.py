"""Which assertions were presented: each may be exchanged once. Kept in Redis, and safe without it.

1. Presenting is one transaction in Redis: set the assertion's key if it is not there, and read the *epoch*.
2. The epoch is the instant from which this Redis knows every presented assertion. It is sealed by an HMAC, so that a forged one
   counts as none. When there is none, Redis was lost or flushed: a new epoch is set, not before now nor before the newest
   assertion that was ever exchanged, and every assertion issued before it is refused. The user logs in again.
3. A Redis that comes back from an older state holds a good epoch and lacks the newest marks. So the mark of an assertion stands in its
   session as well, where it is unique (`sessions.py`).
4. Redis that is gone, hung, full or read-only refuses the exchange (UNAVAILABLE): an assertion is never taken on trust.

At the start of a process a missing epoch is set just after the newest assertion that was ever exchanged: nobody is made to log in
again for a restart, and what was exchanged before stays refused. Redis must run with `maxmemory-policy noeviction`.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeVar

from carnet_platform.clock import Clock
from carnet_platform.envelope import mac
from carnet_platform.errors import Unauthenticated, Unavailable
from carnet_platform.keys import MasterKeys
from redis.asyncio import Redis
from redis.exceptions import RedisError

T = TypeVar("T")

_PREFIX: Final = "identity:"
_EPOCH: Final = _PREFIX + "assertion-epoch"
_WHOLE_SECOND: Final = timedelta(seconds=1)


class NewestAssertion(Protocol):
    """What knows the newest assertion that was ever exchanged."""

    async def newest_assertion_time(self) -> datetime | None:
        """When it was issued."""
        ...


class PresentedAssertions:
    """The assertions presented so far."""

    def __init__(self, redis: Redis, keys: MasterKeys, sessions: NewestAssertion, clock: Clock, patience: timedelta) -> None:
        self._redis = redis
        self._key = keys.derive("assertion-epoch")
        self._name_key = keys.derive("assertion-name")
        self._sessions = sessions
        self._clock = clock
        self._patience = patience

    async def prepare(self) -> None:
        """Sets the epoch at the start of a process if there is none. A Redis that does not answer is left to the first exchange."""
        try:
            stored = await self._within(self._redis.get(_EPOCH))
            if self._read(stored) is None:
                await self._begin(stored, not_before=None)
        except Unavailable:
            return

    async def present(self, issuer: str, assertion_id: str, *, issue_time: datetime, refuse_after: datetime) -> bytes:
        """Marks an assertion as presented; gives its mark, a blind index of issuer and id.

        Args:
            issuer: who issued it; ids are unique for each issuer.
            assertion_id: its `jti`.
            issue_time: its `iat`, in whole seconds.
            refuse_after: from then on it is refused for its times alone, so its mark may go.

        Raises:
            Unauthenticated: ASSERTION_REPLAYED; ASSERTION_INVALID when it was issued before the epoch.
            Unavailable: Redis does not answer.
        """
        mark = mac(self._name_key, issuer.encode(), assertion_id.encode())
        name = f"{_PREFIX}assertion:{mark.hex()}"
        # Ends by the store's clock: an hour more, so that a clock moved back does not bring an assertion to life.
        kept = max(refuse_after - self._clock.now(), timedelta(0)) + timedelta(hours=1)
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.set(name, b"1", nx=True, ex=int(kept.total_seconds()))
        pipeline.get(_EPOCH)
        is_first, stored = await self._within(pipeline.execute())
        if not is_first:
            raise Unauthenticated("ASSERTION_REPLAYED", "the assertion was exchanged before", field="assertion")
        epoch = self._read(stored) or await self._begin(stored, not_before=self._clock.now())
        if issue_time < epoch:
            raise Unauthenticated(
                "ASSERTION_INVALID", "the assertion was issued before what is known of presented assertions", field="assertion"
            )
        return mark

    async def _begin(self, stored: bytes | str | None, *, not_before: datetime | None) -> datetime:
        newest = await self._sessions.newest_assertion_time()
        after_newest = datetime.fromtimestamp(0, UTC) if newest is None else newest + _WHOLE_SECOND
        epoch = max(after_newest, not_before or after_newest)
        # Another process may begin at the same instant: the first one's stays, and the later of the two is obeyed here.
        await self._within(self._redis.set(_EPOCH, self._sealed(epoch), nx=stored is None))
        return max(epoch, self._read(await self._within(self._redis.get(_EPOCH))) or epoch)

    def _sealed(self, epoch: datetime) -> bytes:
        text = epoch.isoformat().encode()
        return text + b" " + mac(self._key, text).hex().encode()

    def _read(self, stored: bytes | str | None) -> datetime | None:
        # The client is opened to give bytes; its types know only both.
        text, _, seal = (stored if isinstance(stored, bytes) else b"").partition(b" ")
        if not hmac.compare_digest(seal, mac(self._key, text).hex().encode()):
            return None
        return datetime.fromisoformat(text.decode())

    async def _within(self, answer: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                return await answer
        except (RedisError, OSError, TimeoutError):
            raise Unavailable(
                "DEPENDENCY_UNAVAILABLE", "it cannot be told whether the assertion was presented before", retry_after=timedelta(seconds=1)
            ) from None
