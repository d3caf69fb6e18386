"""Has calls that were refused before their user was known written down: the operators' stream.

A `RefusedCalls` is a hook for `Platform.on_refused_call`. Calls of one caller to one service refused for one reason are tallied. The
refusal itself waits for nothing and stays a refusal when it cannot be written. Caller names, services and reasons are few, and so are
the tasks: what comes when there are too many is counted.
"""

import asyncio
from collections.abc import Awaitable, Callable

from carnet_platform.calls import RefusedCall
from carnet_platform.clock import Clock
from carnet_platform.tally import Tally

MOST_TASKS = 64

_Key = tuple[str, str, str]


class RefusedCalls:
    """Tallies refused calls by caller, service and reason."""

    def __init__(self, write: Callable[[RefusedCall, int], Awaitable[object]], clock: Clock) -> None:
        """Make one that writes with `write`, which is given what `Tally` gives."""
        self._tally: Tally[_Key, RefusedCall] = Tally(write, clock)
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, refused: RefusedCall) -> None:
        """Have it written by a task when it is the first of its kind, else count it."""
        key = (refused.caller, refused.service, refused.reason)
        if key in self._tally or len(self._tasks) >= MOST_TASKS:
            self._tally.keep(key, refused)
            return
        task = asyncio.create_task(self._tally.note_or_keep(key, refused))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self) -> None:
        """Write the counts of the minutes that end, as long as the process lives."""
        await self._tally.run()

    async def close(self) -> None:
        """Write everything; to be awaited before what is written to closes."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._tally.close()
