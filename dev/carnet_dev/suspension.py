"""Suspends a process of this machine, so that whoever goes on knows that it does nothing any more.

SIGSTOP is taken by whichever thread the kernel wakes for it, and only then told to the others: on a busy machine a program goes on
for milliseconds after the signal was sent.
"""

import os
import signal
import time
from datetime import timedelta
from pathlib import Path
from typing import Final

PATIENCE: Final = timedelta(seconds=5)
_PAUSE_SECONDS: Final = 0.001
_HALTED: Final = frozenset("TtZX")


def suspend(pid: int) -> None:
    """Stop every thread of a process, or find it ended. ProcessLookupError, TimeoutError after five seconds."""
    os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + PATIENCE.total_seconds()
    while not _is_halted(pid):
        if time.monotonic() > end:
            raise TimeoutError(f"process {pid} was not suspended within {PATIENCE.total_seconds():.0f} s")
        time.sleep(_PAUSE_SECONDS)


def resume(pid: int) -> None:
    """Let a suspended process go on. ProcessLookupError."""
    os.kill(pid, signal.SIGCONT)


def _is_halted(pid: int) -> bool:
    return all(_state(task) in _HALTED for task in Path(f"/proc/{pid}/task").glob("*"))


def _state(task: Path) -> str:
    """The letter of proc(5) after the command's name, which may hold brackets itself; X for a thread that has just ended."""
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"
