"""The round of a watch: it looks every few seconds for as long as the process lives, whatever the store does meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from pymongo.errors import PyMongoError

_log = structlog.get_logger(__name__)


async def watching(look: Callable[[], Awaitable[None]], every: timedelta, failed: str) -> None:
    """Look until cancelled; a store that does not answer is asked again in the next round, and the log says so by the name `failed`."""
    while True:
        await asyncio.sleep(every.total_seconds())
        try:
            await look()
        except (PyMongoError, OSError) as error:
            _log.warning(failed, kind=type(error).__name__)
