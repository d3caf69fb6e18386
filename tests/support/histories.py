"""A person's history as she sees it: its lines once they are there, and what the offline verifier says of the file she saves."""

from collections.abc import Callable
from datetime import timedelta
from time import monotonic

from carnet.audit.v1.audit_reader_service_pb2 import HistoryLine
from carnet_client import UserSession
from carnet_verify.history import read_history
from carnet_verify.verify import Answer, verify_history

from support.waiting import elapsed

PATIENCE = timedelta(seconds=60)
LOOK_EVERY_SECONDS = 1.0
"""Each look costs the log a line and a walk over all of them: looking on and on would keep it from what is waited for."""


async def settled(
    herself: UserSession, record: str, is_there: Callable[[list[HistoryLine]], bool], patience: timedelta = PATIENCE
) -> list[HistoryLine]:
    """The history once what is waited for has arrived in it, or as it is after ``patience``."""
    end = monotonic() + patience.total_seconds()
    while True:
        lines = await herself.history(record)
        if is_there(lines) or monotonic() > end:
            return lines
        await elapsed(LOOK_EVERY_SECONDS)


def verified(file: bytes) -> Answer:
    """What the offline verifier says."""
    return verify_history(read_history(file))


def is_contiguous(lines: list[HistoryLine]) -> bool:
    """Whether the numbers run from 1 without a gap."""
    return sorted(line.number for line in lines) == list(range(1, len(lines) + 1))
