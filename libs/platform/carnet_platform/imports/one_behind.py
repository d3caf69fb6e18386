"""Work that goes on while the next piece of it is made ready: an import reads one batch while the one before is stored."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Self


class OneBehind:
    """One piece after the other; the last is awaited at the end of the block."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    async def then(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin when what was begun before has ended; raise what that raised."""
        try:
            await self._settled()
        except BaseException:
            work.close()
            raise
        self._task = asyncio.create_task(work)

    async def _settled(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            await task

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        await self._settled()
