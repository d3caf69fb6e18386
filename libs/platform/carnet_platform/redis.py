"""Redis, which holds only what may be lost.

Promises that a Redis that is gone, hung or full costs a caller at most a few milliseconds and changes no answer: `attempt` gives
None, and then stops asking for a second. Refuses to be a source of trust: nothing here may widen what somebody is allowed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, Final, TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.maint_notifications import MaintNotificationsConfig

from carnet_platform.clock import Clock
from carnet_platform.telemetry.registry import REDIS_COMMAND
from carnet_platform.telemetry.steps import Step, present, within

T = TypeVar("T")

PATIENCE: Final = timedelta(milliseconds=20)
"""How long a caller waits for a store it can do without."""
LONGEST: Final = timedelta(seconds=5)
"""How long a command may take whoever waits for it."""
REST: Final = timedelta(seconds=1)
"""How long nobody asks after a failure."""

_log = structlog.get_logger(__name__)


class TracedRedis(Redis):
    """A client whose commands are steps of the sampled call they serve; only a command's name is told."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401  # as Redis's client types it
        """Send a command."""
        parent = present()
        if parent is None:
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        with _command(parent, str(args[0]).partition(" ")[0].upper()):
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> "TracedPipeline":  # noqa: FBT001, FBT002  # as there
        """Commands that go together."""
        return TracedPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class TracedPipeline(Pipeline):
    """Commands that go together: one step."""

    async def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002  # as Redis's client has it
        """Send them."""
        parent = present()
        if parent is None:
            return await super().execute(raise_on_error)
        with _command(parent, "MULTI" if self.is_transaction else "PIPELINE", len(self.command_stack)):
            return await super().execute(raise_on_error)


def _command(parent: Step, name: str, size: int = 1) -> AbstractContextManager[Step]:
    attributes: dict[str, str | int] = {"db.system.name": "redis", "db.operation.name": name}
    if size > 1:
        attributes["db.operation.batch.size"] = size
    return within(parent.begin(REDIS_COMMAND, name, attributes))


def open_redis(url: str) -> Redis:
    """Return a client (bytes in, bytes out) that connects at first use and does not retry; how long to wait is for each caller to say."""
    seconds = LONGEST.total_seconds()
    return TracedRedis.from_url(
        url,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
        max_connections=50,
        # With these on, which is the client's default, its pool hands out connections that the server has closed.
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )


class Losable:
    """A Redis that may be lost at any time."""

    def __init__(self, redis: Redis | None, clock: Clock) -> None:
        """Take the client of `open_redis`, or None when the process runs without Redis."""
        self._redis = redis
        self._clock = clock
        self._resting_until = 0.0

    @property
    def is_resting(self) -> bool:
        """Whether the last attempt failed less than a second ago."""
        return self._clock.boottime() < self._resting_until

    async def attempt(self, command: Callable[[Redis], Awaitable[T]], *, within: timedelta = PATIENCE) -> T | None:
        """Return what `command` returned, or None when Redis has not answered within that time or has failed lately."""
        if self._redis is None or self.is_resting:
            return None
        try:
            async with asyncio.timeout(within.total_seconds()):
                return await command(self._redis)
        except (RedisError, OSError, TimeoutError) as error:
            self._resting_until = self._clock.boottime() + REST.total_seconds()
            _log.warning("redis.lost", error=type(error).__name__)
            return None
